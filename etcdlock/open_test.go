package etcdlock_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

// refuses checks that url is refused with an error of one line that matches want, has text
// in it, and not the password.
func refuses(t *testing.T, rawURL string, want error, text string) {
	t.Helper()
	d, err := open(t.Context(), rawURL)
	if err == nil {
		_ = d.Close()
		t.Errorf("%s: opened", rawURL)
		return
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %v with %q", rawURL, err, want, text)
	}
	if u, _ := url.Parse(rawURL); u != nil && u.User != nil {
		if password, _ := u.User.Password(); password != "" && strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	cert, key := testserver.Certificate(t, "127.0.0.1")
	for rawURL, text := range map[string]string{
		"redis://h":                     `scheme "redis": want etcd`,
		"etcd:h":                        "want etcd://HOST",
		"etcd://h#x":                    "want etcd://HOST",
		"etcd://":                       `host "": want HOST`,
		"etcd://h,,h2":                  `host "": want HOST`,
		"etcd://h,h2:0":                 `host "h2:0": want HOST`,
		"etcd://h?lease=3s":             `unknown parameter "lease", want one of ttl, raw, timeout, tls`,
		"etcd://h?ttl=3s&ttl=4s":        "parameter ttl is given 2 times",
		"etcd://h?ttl=ten":              `ttl "ten": want a duration`,
		"etcd://h?ttl=1s":               "ttl 1s: want 2s to",
		"etcd://h?timeout=-1s":          `timeout "-1s": want a duration`,
		"etcd://h?raw=perhaps":          `raw "perhaps": want true or false`,
		"etcd://h?tls=no":               `tls "no": want true or false`,
		"etcd://h?tls=false&ca=x":       "tls=false beside",
		"etcd://h?insecure=perhaps":     `insecure "perhaps"`,
		"etcd://h?ca=/none.pem":         "ca: open /none.pem",
		"etcd://h?ca=" + key:            "holds no certificate",
		"etcd://h?cert=" + cert:         "cert and key: want both",
		"etcd://h?cert=/no&key=" + key:  "cert and key: open /no",
		"etcd://:hidden-word@h":         "a password without a user",
		"etcd://me@h":                   `user "me" without a password`,
		"etcd://me:hidden-word@h?x=1":   `unknown parameter "x"`,
		"etcd://me:hidden-word@h:99999": `host "h:99999"`,
		"etcd://h?%zz":                  "parameters: ",
	} {
		refuses(t, rawURL, driver.ErrInvalidOption, text)
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	if _, err := etcdlock.New(nil, nil); !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("no client: %v", err)
	}
	if _, err := etcdlock.New(rawClient(t, server(t)), &etcdlock.Options{Timeout: -1}); !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("Timeout -1: %v", err)
	}
}

// New works on a client of the caller's, which stays open.
func TestNew(t *testing.T) {
	t.Parallel()
	raw := rawClient(t, server(t))
	d, err := etcdlock.New(raw, &etcdlock.Options{Prefix: "new/"})
	must(t, err)
	acquire(t, d, request("x", 5*time.Second))
	must(t, d.Close())
	must(t, d.Close())
	resp, err := raw.Get(t.Context(), "new/x/", clientv3.WithPrefix())
	if err != nil || len(resp.Kvs) != 1 {
		t.Errorf("after Close: %v, %v", resp, err)
	}
}

// Close leaves what is held to run out, and an etcd lease with nothing on it not even that
// long.
func TestCloseRevokes(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1)[0]
	raw := rawClient(t, etcd)
	leases := func() int {
		resp, err := raw.Leases(t.Context())
		must(t, err)
		return len(resp.Leases)
	}
	unused, used := mustOpen(t, "etcd://"+etcd.Addr), mustOpen(t, "etcd://"+etcd.Addr)
	must(t, unused.Release(t.Context(), acquire(t, unused, request("x", time.Minute)).Request))
	acquire(t, used, request("x", time.Minute))
	if n := leases(); n != 4 {
		t.Errorf("%d leases, want one for locks and one for the line, of each", n)
	}
	must(t, unused.Close())
	must(t, used.Close())
	if n := leases(); n != 1 {
		t.Errorf("%d leases after Close, want 1", n)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	refuses(t, "etcd://no-such-host.invalid?timeout=900ms", driver.ErrUnavailable, "")
	refuses(t, "etcd://127.0.0.1:1?timeout=900ms", driver.ErrUnavailable, "refused")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	refuses(t, "etcd://"+silent.Addr().String()+"?timeout=900ms", driver.ErrUnavailable, "")
	refuses(t, "etcd://me:hidden-word@"+silent.Addr().String()+"?timeout=900ms", driver.ErrUnavailable, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(ctx, "etcd://"+silent.Addr().String()+"?timeout=30s"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open at its deadline: %v", err)
	}
}

// The servers' shortest TTL is longer than etcd's default when their election timeout is.
func TestRaisedTTL(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1, "--heartbeat-interval", "400", "--election-timeout", "4000")[0]
	refuses(t, "etcd://"+etcd.Addr+"?ttl=3s", driver.ErrInvalidOption, "the servers' shortest is 6s")
	d := mustOpen(t, "etcd://"+etcd.Addr+"?ttl=6s")
	req := request("x", 5500*time.Millisecond)
	must(t, d.Release(t.Context(), acquire(t, d, req).Request))
	if _, err := d.Acquire(t.Context(), request("x", 5*time.Second)); !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("a TTL that the servers raise: %v", err)
	}
	if got := levels(t, d); got["TTL"] != driver.Warning {
		t.Errorf("Check: %v", got)
	}
}

// withUser turns on users, and returns the part of a URL for one who may only read and write
// keys that begin with one of prefixes.
func withUser(t *testing.T, etcd *testserver.Process, prefixes ...string) string {
	t.Helper()
	raw, ctx := rawClient(t, etcd), t.Context()
	do := func(_ any, err error) {
		t.Helper()
		must(t, err)
	}
	do(raw.UserAdd(ctx, "root", "hidden-word"))
	do(raw.UserGrantRole(ctx, "root", "root"))
	do(raw.UserAdd(ctx, "me", "it's @/"))
	do(raw.RoleAdd(ctx, "locks"))
	for _, prefix := range prefixes {
		do(raw.RoleGrantPermission(ctx, "locks", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite)))
	}
	do(raw.UserGrantRole(ctx, "me", "locks"))
	do(raw.AuthEnable(ctx))
	return "me:it%27s%20%40%2F@"
}

// A wrong password is refused, and so is what a user may not do, and nothing is changed.
func TestUsers(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1)[0]
	ctx, user := t.Context(), withUser(t, etcd, "locks/")

	refuses(t, "etcd://me:hidden-word@"+etcd.Addr, driver.ErrInvalidOption, "wrong user or password")
	refuses(t, "etcd://"+etcd.Addr, driver.ErrInvalidOption, "wrong user or password")
	refuses(t, "etcd://"+user+etcd.Addr+"/elsewhere", driver.ErrInvalidOption, "may not use these keys")
	d := mustOpen(t, "etcd://"+user+etcd.Addr+"/locks")
	lease := acquire(t, d, request("x", 5*time.Second))
	if r := d.Renew(ctx, []driver.Lease{lease}); r[0].Err != nil {
		t.Errorf("Renew: %v", r[0].Err)
	}
	must(t, d.Release(ctx, lease.Request))
}

// A key under a lock's prefix that is no lock would be waited for for ever.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr)
	_, err := raw.Put(t.Context(), "stock/price", "42")
	must(t, err)
	for _, noWait := range []bool{true, false} {
		req := request("stock", 5*time.Second)
		req.NoWait = noWait
		_, err := d.Acquire(t.Context(), req)
		if !errors.Is(err, driver.ErrInvalidName) || !strings.Contains(err.Error(), `"stock/price"`) {
			t.Errorf("NoWait %v: %v", noWait, err)
		}
	}
	resp, err := raw.Get(t.Context(), "stock/", clientv3.WithPrefix())
	if err != nil || len(resp.Kvs) != 1 {
		t.Errorf("%d keys and %v, want the one", len(resp.Kvs), err)
	}
	if err := d.(driver.Breaker).Force(t.Context(), "stock"); !errors.Is(err, driver.ErrInvalidName) {
		t.Errorf("Force: %v", err)
	}
	_, err = raw.Put(t.Context(), "based/%pawl/base", "yesterday")
	must(t, err)
	if _, err := mustOpen(t, "etcd://"+etcd.Addr+"/based").Acquire(t.Context(), request("x", 5*time.Second)); !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("a base that is no number: %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := testserver.Certificate(t, "127.0.0.1")
	etcd := server(t)
	addr := overTLS(t, etcd.Addr, cert, key)
	for _, params := range []string{"?ca=" + cert, "?insecure=true", "?cert=" + cert + "&key=" + key + "&ca=" + cert} {
		d := mustOpen(t, "etcd://"+addr+params)
		must(t, d.Release(t.Context(), acquire(t, d, request("tls", 5*time.Second)).Request))
	}
	refuses(t, "etcd://"+addr+"?tls=true", driver.ErrInvalidOption, "certificate is not trusted")
	refuses(t, "etcd://"+etcd.Addr+"?tls=true", driver.ErrInvalidOption, "does not speak TLS")
	refuses(t, "etcd://"+addr+"?timeout=900ms", driver.ErrUnavailable, "")
}

// overTLS returns the address of what speaks TLS for server.
func overTLS(t *testing.T, server, cert, key string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	must(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
	must(t, err)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	relay(t, listener, server, pass, pass)
	return listener.Addr().String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	servers := testserver.Etcd(t, 3)
	d := mustOpen(t, "etcd://"+addrs(servers))
	for what, level := range levels(t, d) {
		if level != driver.Fine && what != "disk" { // of which this says nothing
			t.Errorf("%s is %s", what, level)
		}
	}
	servers[0].Kill()
	eventually(t, "warnings with one of three killed", func() bool {
		got := levels(t, d)
		return got["member"] == driver.Warning && got["leader"] == driver.Warning
	})
	alone := mustOpen(t, "etcd://"+testserver.Etcd(t, 1)[0].Addr)
	got := levels(t, alone)
	if _, told := got[driver.Version]; !told || got["members"] != driver.Warning || got["alarms"] != driver.Fine {
		t.Errorf("alone: %v", got)
	}
}

// A full server refuses to write, and says so.
func TestCheckFull(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1, "--quota-backend-bytes", "300000")[0]
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr)
	eventually(t, "a full server", func() bool {
		_, err := raw.Put(t.Context(), "big", strings.Repeat("x", 100_000))
		return err != nil
	})
	if got := levels(t, d); got["alarms"] != driver.Problem || got["access"] != driver.Problem {
		t.Errorf("full: %v", got)
	}
	if _, err := d.Acquire(t.Context(), request("x", 5*time.Second)); !errors.Is(err, driver.ErrUnavailable) || !strings.Contains(err.Error(), "space") {
		t.Errorf("Acquire: %v", err)
	}
}
