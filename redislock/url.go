package redislock

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/pawl-go/pawl/driver"
)

// topology is how the servers that a URL names belong together.
type topology string

const (
	standalone topology = ""
	sentinel   topology = "sentinel"
	cluster    topology = "cluster"
)

// target is what a URL says.
type target struct {
	topology topology
	setNX    bool
	prefix   string
	client   redis.UniversalOptions
}

// parseURL reads u; see Open.
func parseURL(u *url.URL) (*target, error) {
	transport, kind, _ := strings.Cut(u.Scheme, "+")
	t := &target{topology: topology(kind)}
	if transport != "redis" && transport != "rediss" || !slices.Contains([]topology{standalone, sentinel, cluster}, t.topology) {
		return nil, invalid("scheme %q: want redis, redis+sentinel, redis+cluster or redis+quorum, or rediss for TLS in each", u.Scheme)
	}
	if u.Opaque != "" || u.Fragment != "" {
		return nil, invalid("want %s://HOST:PORT", u.Scheme)
	}
	t.client = clientDefaults()
	t.client.Username = u.User.Username()
	t.client.Password, _ = u.User.Password()
	for _, set := range []func(*url.URL) error{t.setHosts, t.setPath} {
		if err := set(u); err != nil {
			return nil, err
		}
	}
	return t, t.setParams(u, transport == "rediss")
}

// clientDefaults are the settings that do not depend on the URL.
func clientDefaults() redis.UniversalOptions {
	return redis.UniversalOptions{
		// The core knows what may be sent again, and until when; hidden retries would
		// outlive the deadline that it works with.
		MaxRetries:    -1,
		DialerRetries: 1,
		// Otherwise the end of a context does not end a call.
		ContextTimeoutEnabled: true,
		// Two commands fewer on each new connection, which nobody reads.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (t *target) setHosts(u *url.URL) error {
	port := "6379"
	if t.topology == sentinel {
		port = "26379"
	}
	for host := range strings.SplitSeq(u.Host, ",") {
		name, given, err := net.SplitHostPort(host)
		if err != nil { // there is no port
			name, given = strings.Trim(host, "[]"), port
		}
		if name == "" && t.topology == standalone {
			name = "127.0.0.1"
		}
		if n, err := strconv.ParseUint(given, 10, 16); name == "" || err != nil || n == 0 {
			return invalid("host %q: want HOST or HOST:PORT", host)
		}
		t.client.Addrs = append(t.client.Addrs, net.JoinHostPort(name, given))
	}
	if len(t.client.Addrs) > 1 && t.topology == standalone {
		return invalid("%d hosts: want one, or redis+sentinel:// or redis+cluster://", len(t.client.Addrs))
	}
	return nil
}

// setPath reads /DB, and /MASTER/DB of Sentinel.
func (t *target) setPath(u *url.URL) error {
	path := strings.Trim(u.Path, "/")
	if t.topology == sentinel {
		t.client.MasterName, path, _ = strings.Cut(path, "/")
		if t.client.MasterName == "" {
			return invalid("want %s://HOSTS/NAME-OF-THE-MASTER/DB", u.Scheme)
		}
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 31)
	switch {
	case err != nil:
		return invalid("database %q: want a number", path)
	case db != 0 && t.topology == cluster:
		return invalid("database %d: a Cluster has database 0 only", db)
	}
	t.client.DB = int(db)
	return nil
}

// setParams reads the parameters.
func (t *target) setParams(u *url.URL, secure bool) error {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return invalid("parameters: %v", err)
	}
	known := []string{"mode", "prefix", "timeout"}
	if secure {
		known = append(known, "ca", "insecure")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch {
		case !slices.Contains(known, name):
			return invalid("unknown parameter %q, want one of %s", name, strings.Join(known, ", "))
		case len(params[name]) > 1:
			return invalid("parameter %s is given %d times", name, len(params[name]))
		}
	}
	if err := t.setMode(params); err != nil {
		return err
	}
	if err := t.setTimeout(params); err != nil || !secure {
		return err
	}
	return t.setTLS(params)
}

func (t *target) setMode(params url.Values) error {
	t.prefix = params.Get("prefix")
	switch mode := params.Get("mode"); mode {
	case "":
		// The combiner has two calls under way at most; the others are for listings.
		t.client.PoolSize = 8
	case "setnx":
		t.setNX = true
	default:
		return invalid("mode %q: want setnx, or no mode", mode)
	}
	return nil
}

func (t *target) setTimeout(params url.Values) error {
	timeout := DefaultTimeout
	if params.Has("timeout") {
		var err error
		if timeout, err = time.ParseDuration(params.Get("timeout")); err != nil || timeout <= 0 {
			return invalid("timeout %q: want a duration such as 3s", params.Get("timeout"))
		}
	}
	t.client.DialTimeout, t.client.ReadTimeout, t.client.WriteTimeout, t.client.PoolTimeout = timeout, timeout, timeout, timeout
	return nil
}

func (t *target) setTLS(params url.Values) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(t.client.Addrs) == 1 {
		config.ServerName, _, _ = net.SplitHostPort(t.client.Addrs[0])
	}
	if params.Has("insecure") {
		insecure, err := strconv.ParseBool(params.Get("insecure"))
		if err != nil {
			return invalid("insecure %q: want true or false", params.Get("insecure"))
		}
		config.InsecureSkipVerify = insecure
	}
	if path := params.Get("ca"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return invalid("ca: %v", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return invalid("ca: %s holds no certificate in PEM", path)
		}
	}
	t.client.TLSConfig = config
	return nil
}

// invalid is the error for something that the caller has to change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}
