package mysqllock

import (
	"context"
	"database/sql"
	"testing"

	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func sessionFixture(kind string) sessiontest.Fixture {
	return sessiontest.Fixture{
		Start:  sessionServers[kind],
		Shared: func(tb testing.TB) *testserver.Process { return sessionTestServer(tb, kind) },
		URL:    func(addr, user string) string { return "mysql://" + user + "@" + addr + "/?mode=session" },
		Open:   sessionOpen,
		NewUser: func(tb testing.TB, addr, name string) {
			conn := sessionRaw(tb, addr)
			sessionExec(tb, conn, "CREATE USER '"+name+"'@'%'")
			sessionExec(tb, conn, "GRANT SELECT, PROCESS ON *.* TO '"+name+"'@'%'")
		},
		Count: func(tb testing.TB, addr, user string) (n int) {
			if err := sessionRaw(tb, addr).QueryRowContext(tb.Context(), "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = '"+user+"'").Scan(&n); err != nil {
				tb.Fatal(err)
			}
			return n
		},
		Raw: func(tb testing.TB, addr, name string) sessiontest.Raw {
			conn := sessionRaw(tb, addr)
			call := func(call string) (result int) {
				if err := conn.QueryRowContext(tb.Context(), "SELECT "+call).Scan(&result); err != nil {
					tb.Fatal(err)
				}
				return result
			}
			return sessiontest.Raw{
				Try:    func() bool { return call("GET_LOCK('"+name+"', 0)") == 1 },
				Unlock: func() { call("RELEASE_LOCK('" + name + "')") },
			}
		},
		Root: "root",
	}
}

func TestSessionFailures(t *testing.T) {
	for kind := range sessionServers {
		t.Run(kind, func(t *testing.T) { sessiontest.Run(t, sessionFixture(kind)) })
	}
}

func TestSessionHelper(t *testing.T) { sessiontest.Helper(t, sessionFixture("mysql-session")) }

// sessionRaw returns a connection of another program.
func sessionRaw(tb testing.TB, addr string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("mysql", testserver.MySQLDSN(addr, ""))
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _, _ = conn.Close(), db.Close() })
	return conn
}

func sessionExec(tb testing.TB, conn *sql.Conn, text string) {
	tb.Helper()
	if _, err := conn.ExecContext(context.Background(), text); err != nil {
		tb.Fatal(err)
	}
}
