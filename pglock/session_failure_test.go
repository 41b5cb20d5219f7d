package pglock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
	"github.com/pawl-go/pawl/internal/testserver"
)

var sessionFixture = sessiontest.Fixture{
	Start:  func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) },
	Shared: sessionTestServer,
	URL: func(addr, user string) string {
		return strings.Replace(sessionURL(addr), "postgres@", user+"@", 1)
	},
	Open: sessionOpen,
	NewUser: func(tb testing.TB, addr, name string) {
		sessionExec(tb, sessionRaw(tb, addr), fmt.Sprintf("CREATE ROLE %q LOGIN; CREATE SEQUENCE IF NOT EXISTS pawl_session_token; GRANT ALL ON pawl_session_token TO PUBLIC", name))
	},
	Count: func(tb testing.TB, addr, user string) (n int) {
		if err := sessionRaw(tb, addr).QueryRow(tb.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", user).Scan(&n); err != nil {
			tb.Fatal(err)
		}
		return n
	},
	Raw: func(tb testing.TB, addr, name string) sessiontest.Raw {
		const key = "(('x' || left(encode(sha256(convert_to('pawl:' || $1, 'UTF8')), 'hex'), 16))::bit(64)::bigint)"
		conn := sessionRaw(tb, addr)
		call := func(function string) (ok bool) {
			if err := conn.QueryRow(tb.Context(), "SELECT "+function+key, name).Scan(&ok); err != nil {
				tb.Fatal(err)
			}
			return ok
		}
		return sessiontest.Raw{Try: func() bool { return call("pg_try_advisory_lock") }, Unlock: func() { call("pg_advisory_unlock") }}
	},
	Root: "postgres",
}

func TestSessionFailures(t *testing.T) { sessiontest.Run(t, sessionFixture) }

func TestSessionHelper(t *testing.T) { sessiontest.Helper(t, sessionFixture) }

// sessionRaw returns a connection of another program.
func sessionRaw(tb testing.TB, addr string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), testserver.PostgresURL(addr, "postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func sessionExec(tb testing.TB, conn *pgx.Conn, sql string) {
	tb.Helper()
	if _, err := conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		tb.Fatal(err)
	}
}

// A pooler in transaction or statement mode would lose locks, and is refused; one in session
// mode is as good as the server.
func TestSessionPgBouncer(t *testing.T) {
	t.Parallel()
	server := sessionTestServer(t)
	for _, mode := range []string{"transaction", "statement"} {
		bouncer := testserver.PgBouncer(t, server, mode)
		d, err := NewSession(t.Context(), testserver.PostgresURL(bouncer.Addr, "postgres"), nil)
		if !errors.Is(err, driver.ErrInvalidOption) {
			t.Errorf("%s mode: %v, want %v", mode, err, driver.ErrInvalidOption)
		}
		if err == nil {
			_ = d.Close()
		}
		t.Log(err)
	}
	d := sessionOpen(t, sessionURL(testserver.PgBouncer(t, server, "session").Addr))
	req := driver.Request{Name: "behind a pooler", Holder: "1", TTL: sessionTraits.MinTTL}
	lease, err := d.Acquire(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Renew(t.Context(), []driver.Lease{lease})[0].Err; err != nil {
		t.Error(err)
	}
	if err := d.Release(t.Context(), req); err != nil {
		t.Error(err)
	}
}
