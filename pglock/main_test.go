package pglock_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/pglock"
)

func TestMain(m *testing.M) { drivertest.Main(testserver.Stopping(m), open) }

// The driver of this package, and the usual helpers.
var (
	opener     = testlock.Opener(pglock.Open)
	open       = opener.URL
	mustOpen   = opener.Driver
	must       = testlock.Must
	mustLock   = testlock.Lock
	eventually = testlock.Eventually
	client     = opener.Client
	waiters    = testlock.Waiters
	levels     = opener.Levels
	quick      = testlock.Quick
)

// server returns the PostgreSQL that tests share which do not stop it.
func server(tb testing.TB) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, "postgres", func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) })
}

// database makes a database of the test's own on the shared server and returns its URL,
// with parameters to be added after &.
func database(tb testing.TB) string {
	tb.Helper()
	return databaseOn(tb, server(tb))
}

func databaseOn(tb testing.TB, s *testserver.Process) string {
	tb.Helper()
	name := "test_" + randomName()
	admin := connect(tb, testserver.PostgresURL(s.Addr, "postgres"))
	exec(tb, admin, "CREATE DATABASE "+name)
	return testserver.PostgresURL(s.Addr, name)
}

// connect returns a connection of the test's own.
func connect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), dsn)
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(tb testing.TB, conn *pgx.Conn, sql string, args ...any) {
	tb.Helper()
	_, err := conn.Exec(tb.Context(), sql, args...)
	must(tb, err)
}
