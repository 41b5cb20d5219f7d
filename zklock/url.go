package zklock

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// known are the parameters of a URL.
var known = []string{"session", "tick", "recipe", "timeout", "acl", "tls", "ca", "insecure"}

// parseURL reads u; see Open.
func parseURL(u *url.URL) (servers []string, opts *Options, err error) {
	if u.Scheme != "zookeeper" || u.Opaque != "" || u.Fragment != "" {
		return nil, nil, invalid("want zookeeper://HOST:PORT,HOST:PORT/CHROOT")
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, nil, invalid("parameters: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch {
		case !slices.Contains(known, name):
			return nil, nil, invalid("unknown parameter %q, want one of %s", name, strings.Join(known, ", "))
		case len(params[name]) > 1:
			return nil, nil, invalid("parameter %s is given %d times", name, len(params[name]))
		}
	}
	opts = &Options{Chroot: u.Path, Recipe: Recipe(params.Get("recipe")), User: u.User.Username()}
	opts.Password, _ = u.User.Password()
	for _, set := range []func(url.Values) error{opts.setTimes, opts.setACL, opts.setTLS} {
		if err := set(params); err != nil {
			return nil, nil, err
		}
	}
	servers, err = hostsOf(u.Host)
	return servers, opts, err
}

// hostsOf reads HOST:PORT,HOST:PORT.
func hostsOf(list string) (servers []string, err error) {
	for host := range strings.SplitSeq(list, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil { // there is no port
			name, port = strings.Trim(host, "[]"), strconv.Itoa(zk.DefaultPort)
		}
		if n, err := strconv.ParseUint(port, 10, 16); name == "" || err != nil || n == 0 {
			return nil, invalid("host %q: want HOST or HOST:PORT", host)
		}
		servers = append(servers, net.JoinHostPort(name, port))
	}
	return servers, nil
}

func (o *Options) setTimes(params url.Values) error {
	for name, value := range map[string]*time.Duration{"session": &o.Session, "tick": &o.Tick, "timeout": &o.Timeout} {
		if !params.Has(name) {
			continue
		}
		d, err := time.ParseDuration(params.Get(name))
		if err != nil || d <= 0 {
			return invalid("%s %q: want a duration such as 3s", name, params.Get(name))
		}
		*value = d
	}
	return nil
}

func (o *Options) setACL(params url.Values) error {
	switch acl := params.Get("acl"); {
	case acl == "" && !params.Has("acl"):
	case acl == "open":
		o.ACL = zk.WorldACL(zk.PermAll)
	case acl == "creator" && o.User != "":
		o.ACL = zk.AuthACL(zk.PermAll)
	case acl == "creator":
		return invalid("acl=creator: want a user, as in zookeeper://USER:PASSWORD@HOST")
	default:
		return invalid("acl %q: want open or creator", acl)
	}
	return nil
}

func (o *Options) setTLS(params url.Values) error {
	flags := map[string]bool{}
	for _, name := range []string{"tls", "insecure"} {
		if !params.Has(name) {
			continue
		}
		on, err := strconv.ParseBool(params.Get(name))
		if err != nil {
			return invalid("%s %q: want true or false", name, params.Get(name))
		}
		flags[name] = on
	}
	if !flags["tls"] {
		if params.Has("ca") || params.Has("insecure") {
			return invalid("ca and insecure are for TLS: want tls=true with them")
		}
		return nil
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	o.TLS.InsecureSkipVerify = flags["insecure"]
	if path := params.Get("ca"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return invalid("ca: %v", err)
		}
		o.TLS.RootCAs = x509.NewCertPool()
		if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return invalid("ca: %s holds no certificate in PEM", path)
		}
	}
	return nil
}

// These are what a driver of this package can do.
var (
	_ driver.Inspector = (*ensemble)(nil)
	_ driver.Breaker   = (*ensemble)(nil)
)
