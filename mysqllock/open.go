package mysqllock

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
)

// Open returns the driver that u names:
//
//	mysql://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS
//
// of a MySQL or MariaDB. The port may be left out (3306). Parameters:
//
//	mode=table     locks in a table (the default): see New
//	mode=session   locks with GET_LOCK
//	table=NAME     Options.Table
//	create=false   Options.NoCreate
//	timeout=3s     Options.Timeout
//	tls=true       encrypt; skip-verify trusts any certificate, preferred encrypts where the server can
//
// ctx bounds the opening only. Errors are those of New; an unknown parameter is
// driver.ErrInvalidOption.
func Open(ctx context.Context, u *url.URL) (driver.Driver, error) {
	if u.Query().Get("mode") == "session" {
		return openSession(ctx, u)
	}
	params, err := readParams(u)
	if err != nil {
		return nil, err
	}
	if mode := params.Get("mode"); mode != "" && mode != "table" {
		return nil, invalid("mode %q: want table or session", mode)
	}
	config, err := configOf(u, params)
	if err != nil {
		return nil, err
	}
	opts, err := optionsOf(params)
	if err != nil {
		return nil, err
	}
	return New(ctx, config.FormatDSN(), opts)
}

// readParams returns the parameters of u, each of which is known and given once.
func readParams(u *url.URL) (url.Values, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("parameters: %v", err)
	}
	known := []string{"mode", "table", "create", "timeout", "tls"}
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

// configOf returns how to connect to what u names.
func configOf(u *url.URL, params url.Values) (*mysql.Config, error) {
	if u.Scheme != "mysql" || u.Opaque != "" || u.Fragment != "" {
		return nil, invalid("want mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, invalid("port %q: want a number up to 65535", port)
	}
	config.Net, config.Addr = "tcp", net.JoinHostPort(host, port)
	config.DBName = strings.TrimPrefix(u.Path, "/")
	if config.DBName == "" || strings.Contains(config.DBName, "/") {
		return nil, invalid("path %q: want /DATABASE", u.Path)
	}
	switch tls := params.Get("tls"); tls {
	case "", "false", "true", "skip-verify", "preferred":
		config.TLSConfig = tls
	default:
		return nil, invalid("tls %q: want true, skip-verify, preferred or false", tls)
	}
	return config, nil
}

func optionsOf(params url.Values) (*Options, error) {
	opts := &Options{Table: params.Get("table")}
	if params.Has("create") {
		create, err := strconv.ParseBool(params.Get("create"))
		if err != nil {
			return nil, invalid("create %q: want true or false", params.Get("create"))
		}
		opts.NoCreate = !create
	}
	if params.Has("timeout") {
		var err error
		if opts.Timeout, err = time.ParseDuration(params.Get("timeout")); err != nil || opts.Timeout <= 0 {
			return nil, invalid("timeout %q: want a duration such as 3s", params.Get("timeout"))
		}
	}
	return opts, nil
}
