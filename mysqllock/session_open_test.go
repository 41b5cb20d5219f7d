package mysqllock

import (
	"context"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestSessionBadInput(t *testing.T) {
	for kind := range sessionServers {
		t.Run(kind, func(t *testing.T) {
			server := sessionTestServer(t, kind)
			good := sessionURL(server.Addr)
			sessionExec(t, sessionRaw(t, server.Addr), "CREATE USER 'secret'@'%' IDENTIFIED BY 'x'")
			sessiontest.BadInput(t, openSession, map[string]sessiontest.Input{
				"unknown parameter": {URL: good + "&wait=3s", Says: `unknown parameter "wait", want one of mode, prefix, timeout, tls, waiters`},
				"parameter twice":   {URL: good + "&prefix=a&prefix=b", Says: "prefix is given 2 times"},
				"timeout":           {URL: good + "&timeout=3", Says: `timeout "3": want a duration`},
				"waiters":           {URL: good + "&waiters=x", Says: `waiters "x"`},
				"tls":               {URL: good + "&tls=maybe", Says: `tls "maybe"`},
				"no host":           {URL: "mysql:///db?mode=session", Says: "mysql://USER:PASSWORD@HOST:PORT/DATABASE"},
				"no such database":  {URL: strings.Replace(good, "/?", "/nowhere?", 1), Says: "nowhere"},
				"wrong password":    {URL: strings.Replace(good, "root@", "secret:y@", 1), Says: "Access denied"},
				"no server":         {URL: sessionURL("127.0.0.1:1"), Says: "connection refused", Is: driver.ErrUnavailable},
			})
		})
	}
}

// Tokens are the time of the grant; a server whose SYSDATE is that of the statement is
// refused.
func TestSessionSysdateIsNow(t *testing.T) {
	t.Parallel()
	server := testserver.MariaDB(t, "--sysdate-is-now")
	_, err := NewSession(context.Background(), testserver.MySQLDSN(server.Addr, ""), nil)
	if err == nil || !strings.Contains(err.Error(), "sysdate-is-now") {
		t.Errorf("NewSession: %v, want sysdate-is-now", err)
	}
}

func TestSessionCheck(t *testing.T) {
	for kind := range sessionServers {
		sessiontest.Checked(t, sessionOpen(t, sessionURL(sessionTestServer(t, kind).Addr)))
	}
}

// Clusters whose nodes do not share the lock are told.
func TestSessionCluster(t *testing.T) {
	t.Parallel()
	for _, facts := range []map[string]string{{"wsrep_on": "ON"}, {"group_replication_group_name": "x"}} {
		if got := sessionCluster(facts); got.Level != driver.Problem {
			t.Errorf("%v: %+v", facts, got)
		}
	}
}

// What GET_LOCK would confuse, cut or refuse is hashed.
func TestSessionKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for name, plain := range map[string]bool{
		"stock:42": true, "a/b.c-d_e": true, long[:64]: true,
		long: false, "Stock:42": false, "a b": false, "a ": false, "ä": false, "pawl#x": false, "a'b": false, `a\b`: false, "a\x00": false,
	} {
		key := (&sessionServer{}).Key(name)
		if (key == name) != plain || len(key) > 64 || !plain && !strings.HasPrefix(key, "pawl#") {
			t.Errorf("%q becomes %q", name, key)
		}
	}
	if key := (&sessionServer{mariaDB: true}).Key(long); key != long {
		t.Errorf("on MariaDB %q becomes %q", long, key)
	}
}
