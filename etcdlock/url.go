package etcdlock

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

	clientv3 "go.etcd.io/etcd/client/v3"
)

// target is what a URL says.
type target struct {
	client  clientv3.Config
	options Options
	ttl     time.Duration
}

// params are the parameters, in the order in which they are told.
var params = []string{"ttl", "raw", "timeout", "tls", "ca", "cert", "key", "insecure"}

// parseURL reads u; see Open.
func parseURL(u *url.URL) (*target, error) {
	if u.Scheme != "etcd" {
		return nil, invalid("scheme %q: want etcd", u.Scheme)
	}
	if u.Opaque != "" || u.Fragment != "" {
		return nil, invalid("want etcd://HOST:PORT,HOST:PORT/PREFIX")
	}
	t := &target{}
	t.client.Username = u.User.Username()
	t.client.Password, _ = u.User.Password()
	if t.client.Username == "" && u.User != nil {
		return nil, invalid("a password without a user: want USER:PASSWORD@")
	}
	if t.client.Username != "" && t.client.Password == "" {
		return nil, invalid("user %q without a password: want USER:PASSWORD@", t.client.Username)
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		t.options.Prefix = path + "/"
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("parameters: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(params, name):
			return nil, invalid("unknown parameter %q, want one of %s", name, strings.Join(params, ", "))
		case len(values[name]) > 1:
			return nil, invalid("parameter %s is given %d times", name, len(values[name]))
		}
	}
	return t, t.set(u.Host, values)
}

func (t *target) set(hosts string, values url.Values) error {
	var err error
	if t.client.TLS, err = tlsOf(values); err != nil {
		return err
	}
	if err := t.setHosts(hosts); err != nil {
		return err
	}
	if t.ttl, err = durationOf(values, "ttl", 0); err != nil {
		return err
	}
	if t.ttl != 0 && (t.ttl < minTTL || t.ttl > maxTTL) {
		return invalid("ttl %v: want %v to %v", t.ttl, minTTL, maxTTL)
	}
	if t.options.Timeout, err = durationOf(values, "timeout", DefaultTimeout); err != nil {
		return err
	}
	t.client.DialTimeout = t.options.Timeout
	// A connection to a machine that has vanished is noticed after these; before that,
	// calls go to the other servers because of Options.Timeout.
	t.client.DialKeepAliveTime, t.client.DialKeepAliveTimeout = 10*time.Second, t.options.Timeout
	t.options.Raw, err = boolOf(values, "raw")
	return err
}

func (t *target) setHosts(hosts string) error {
	scheme := "http://"
	if t.client.TLS != nil {
		scheme = "https://"
	}
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil { // there is no port
			name, port = strings.Trim(host, "[]"), "2379"
		}
		if n, err := strconv.ParseUint(port, 10, 16); name == "" || err != nil || n == 0 {
			return invalid("host %q: want HOST or HOST:PORT", host)
		}
		t.client.Endpoints = append(t.client.Endpoints, scheme+net.JoinHostPort(name, port))
	}
	return nil
}

func durationOf(values url.Values, name string, missing time.Duration) (time.Duration, error) {
	if !values.Has(name) {
		return missing, nil
	}
	d, err := time.ParseDuration(values.Get(name))
	if err != nil || d <= 0 {
		return 0, invalid("%s %q: want a duration such as 3s", name, values.Get(name))
	}
	return d, nil
}

func boolOf(values url.Values, name string) (bool, error) {
	if !values.Has(name) {
		return false, nil
	}
	on, err := strconv.ParseBool(values.Get(name))
	if err != nil {
		return false, invalid("%s %q: want true or false", name, values.Get(name))
	}
	return on, nil
}

// tlsOf returns nil where no TLS is wanted.
func tlsOf(values url.Values) (*tls.Config, error) {
	on, err := boolOf(values, "tls")
	if err != nil {
		return nil, err
	}
	insecure, err := boolOf(values, "insecure")
	if err != nil {
		return nil, err
	}
	ca, cert, key := values.Get("ca"), values.Get("cert"), values.Get("key")
	wanted := on || insecure || ca != "" || cert != "" || key != ""
	switch {
	case !wanted:
		return nil, nil
	case !on && values.Has("tls"):
		return nil, invalid("tls=false beside parameters of TLS: want tls=true")
	case (cert == "") != (key == ""):
		return nil, invalid("cert and key: want both or none")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	config.InsecureSkipVerify = insecure
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, invalid("cert and key: %v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if ca != "" {
		config.RootCAs, err = poolOf(ca)
	}
	return config, err
}

// poolOf reads the certificates of a PEM file.
func poolOf(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid("ca: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, invalid("ca: %s holds no certificate in PEM", path)
	}
	return pool, nil
}
