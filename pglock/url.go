package pglock

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// ownParams are the parameters of Open that PostgreSQL does not see.
var ownParams = []string{"mode", "table", "create", "conns", "timeout"}

// serverParams are the connection parameters of PostgreSQL that a URL may have, spelt as
// its own programs do.
var serverParams = []string{
	"application_name", "channel_binding", "connect_timeout", "options", "passfile", "require_auth", "search_path",
	"sslcert", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs",
}

// Open opens the driver that u names.
//
//	postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]]/DATABASE
//
// Parameters:
//
//	mode=table     rows of tables of the driver's own; the default
//	mode=session   advisory locks
//	table=NAME     Options.Table
//	create=false   Options.NoCreate
//	conns=4        Options.Conns
//	timeout=3s     Options.Timeout
//
// and those of PostgreSQL, such as sslmode, sslrootcert, application_name and
// target_session_attrs. ctx bounds the opening only.
//
// Errors are those of New; an unknown parameter is driver.ErrInvalidOption and names the
// known ones.
func Open(ctx context.Context, u *url.URL) (driver.Driver, error) {
	if u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Fragment != "" {
		return nil, invalid("want postgres://HOST:PORT/DATABASE")
	}
	params, err := checkParams(u)
	if err != nil {
		return nil, err
	}
	switch mode := params.Get("mode"); mode {
	case "", "table":
	case "session":
		return openSession(ctx, without(u, "mode"))
	default:
		return nil, invalid("mode %q: want table or session", mode)
	}
	opts, err := optionsOf(params)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(without(u, ownParams...).String(), opts.Timeout)
	if err != nil {
		return nil, err
	}
	t, err := openTable(ctx, config, opts)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// checkParams returns the parameters of u, or which one of them is unknown.
func checkParams(u *url.URL) (url.Values, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("parameters: %v", err)
	}
	known := append(slices.Clone(ownParams), serverParams...)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch {
		case !slices.Contains(known, name):
			return nil, invalid("unknown parameter %q, want one of %s", name, strings.Join(known, ", "))
		case len(params[name]) > 1:
			return nil, invalid("parameter %s is given %d times", name, len(params[name]))
		}
	}
	return params, nil
}

// without returns u without some parameters.
func without(u *url.URL, names ...string) *url.URL {
	stripped, params := *u, u.Query()
	for _, name := range names {
		params.Del(name)
	}
	stripped.RawQuery = params.Encode()
	return &stripped
}

// optionsOf returns what the parameters say, with the defaults.
func optionsOf(params url.Values) (Options, error) {
	o := Options{Table: params.Get("table")}
	var err error
	if params.Has("create") {
		create, err := strconv.ParseBool(params.Get("create"))
		if err != nil {
			return o, invalid("create %q: want true or false", params.Get("create"))
		}
		o.NoCreate = !create
	}
	if params.Has("conns") {
		if o.Conns, err = strconv.Atoi(params.Get("conns")); err != nil || o.Conns <= 0 {
			return o, invalid("conns %q: want a number such as %d", params.Get("conns"), DefaultConns)
		}
	}
	if params.Has("timeout") {
		if o.Timeout, err = time.ParseDuration(params.Get("timeout")); err != nil || o.Timeout <= 0 {
			return o, invalid("timeout %q: want a duration such as %v", params.Get("timeout"), DefaultTimeout)
		}
	}
	if params.Has("table") && o.Table == "" {
		return o, invalid("table is empty: want NAME or SCHEMA.NAME")
	}
	return (&o).complete()
}
