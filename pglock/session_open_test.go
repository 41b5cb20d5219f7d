package pglock

import (
	"errors"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
)

func TestSessionBadInput(t *testing.T) {
	server := sessionTestServer(t)
	good := sessionURL(server.Addr)
	raw := sessionRaw(t, server.Addr)
	sessionExec(t, raw, "CREATE TABLE taken (x int); CREATE ROLE nobody LOGIN; CREATE SEQUENCE forbidden; CREATE ROLE secret LOGIN PASSWORD 'x'")
	sessionExec(t, raw, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	nobody := strings.Replace(good, "postgres@", "nobody@", 1)
	sessiontest.BadInput(t, openSession, map[string]sessiontest.Input{
		"unknown parameter":     {URL: good + "&wait=3s", Says: `unknown parameter "wait", want one of mode, prefix, sequence, timeout, waiters`},
		"parameter twice":       {URL: good + "&prefix=a&prefix=b", Says: "prefix is given 2 times"},
		"timeout":               {URL: good + "&timeout=3", Says: `timeout "3": want a duration`},
		"waiters":               {URL: good + "&waiters=0", Says: `waiters "0"`},
		"sequence with a quote": {URL: good + "&sequence=a%22b", Says: "want letters, digits and _"},
		"no such database":      {URL: strings.Replace(good, "/postgres?", "/nowhere?", 1), Says: `database "nowhere" does not exist`},
		"no such user":          {URL: strings.Replace(good, "postgres@", "stranger@", 1), Says: `role "stranger" does not exist`},
		"sequence is a table":   {URL: good + "&sequence=taken", Says: "taken by something that is no sequence"},
		"no right to create":    {URL: nobody + "&sequence=not_there", Says: `CREATE SEQUENCE IF NOT EXISTS \"not_there\"`},
		"no right to use":       {URL: nobody + "&sequence=forbidden", Says: "GRANT USAGE, SELECT, UPDATE"},
		"no server":             {URL: sessionURL("127.0.0.1:1"), Says: "connection refused", Is: driver.ErrUnavailable},
	})
}

// What the server says of itself decides whether it will do.
func TestSessionJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ version, replica, kind, says string }{
		{"150006", "0", "", ""}, {"140000", "0", "S", ""},
		{"130014", "0", "", "PostgreSQL 13: session mode wants 14"},
		{"150006", "1", "", "read-only standby"},
		{"150006", "0", "r", "no sequence"},
	} {
		err := sessionJudge(c.version, c.replica, c.kind)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, driver.ErrInvalidOption) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSessionCheck(t *testing.T) {
	t.Parallel()
	sessiontest.Checked(t, sessionOpen(t, sessionURL(sessionTestServer(t).Addr)))
}

// Tokens stay above those of another backend that kept the locks before, and of a server
// that was set up anew: each session raises the sequence to the clock.
func TestSessionTokensRiseAcrossDataLoss(t *testing.T) {
	t.Parallel()
	server := sessionTestServer(t)
	url := sessionURL(server.Addr) + "&sequence=lost_once"
	req := driver.Request{Name: "x", Holder: "1", TTL: sessionTraits.MinTTL * 100}
	first, err := sessionOpen(t, url).Acquire(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	sessionExec(t, sessionRaw(t, server.Addr), "DROP SEQUENCE lost_once")
	req.Name, req.Holder = "y", "2"
	second, err := sessionOpen(t, url).Acquire(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if second.Token <= first.Token || first.Token < 1<<50 {
		t.Errorf("token %d after %d, want more, and microseconds", second.Token, first.Token)
	}
}
