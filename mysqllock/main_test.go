package mysqllock_test

import (
	"crypto/rand"
	"database/sql"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/mysqllock"
)

func TestMain(m *testing.M) { drivertest.Main(testserver.Stopping(m), open) }

// The driver of this package, and the usual helpers.
var (
	opener     = testlock.Opener(mysqllock.Open)
	open       = opener.URL
	mustOpen   = opener.Driver
	must       = testlock.Must
	mustLock   = testlock.Lock
	eventually = testlock.Eventually
	newClient  = opener.Client
	levels     = testlock.Levels
	quick      = testlock.Quick
)

// engine is one of the two that this package is for.
type engine struct {
	name  string
	start func(tb testserver.TB, flags ...string) *testserver.Process
}

var engines = []engine{{"mysql", testserver.MySQL}, {"mariadb", testserver.MariaDB}}

// onEach runs a test on each engine.
func onEach(t *testing.T, run func(t *testing.T, e engine)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			run(t, e)
		})
	}
}

// shared returns the server that all tests share.
func (e engine) shared(tb testing.TB) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, e.name, func(tb testserver.TB) *testserver.Process { return e.start(tb) })
}

// connect returns a pool to a database, as root.
func connect(tb testing.TB, addr, database string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("mysql", testserver.MySQLDSN(addr, database))
	must(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(tb testing.TB, db *sql.DB, query string, args ...any) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// newDatabase makes a database on the server at addr and returns its name.
func newDatabase(tb testing.TB, addr string) string {
	tb.Helper()
	name := "t" + strings.ToLower(rand.Text())[:12]
	exec(tb, connect(tb, addr, ""), "CREATE DATABASE "+name)
	return name
}

// database returns the URL and the pool of a database of this test's own.
func (e engine) database(tb testing.TB) (rawURL string, db *sql.DB) {
	tb.Helper()
	addr := e.shared(tb).Addr
	name := newDatabase(tb, addr)
	return testserver.MySQLURL(addr, name), connect(tb, addr, name)
}
