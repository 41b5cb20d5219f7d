package sqlexplain_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/sqlexplain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Stopping(m)) }

// engines are the servers that every test of all three runs on.
var engines = []string{"mysql", "mariadb", "postgresql"}

// database is a fresh database on a real server.
type database struct {
	url string
	db  *sql.DB
}

var databases atomic.Int64

// process returns the running server of an engine, which all tests share.
func process(tb testserver.TB, engine string) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, engine, func(tb testserver.TB) *testserver.Process {
		switch engine {
		case "mysql":
			return testserver.MySQL(tb)
		case "mariadb":
			return testserver.MariaDB(tb, "--tmpdir="+openDir(tb))
		}
		return testserver.Postgres(tb, "deadlock_timeout=50ms", "autovacuum=off")
	})
}

// openDir is a folder for the temporary tables of a MariaDB of the system's user. In /tmp
// another MariaDB that starts would remove them.
func openDir(tb testserver.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pawl-maria-")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newDatabase creates a database and runs the statements in it.
func newDatabase(t *testing.T, engine string, statements ...string) *database {
	t.Helper()
	name := fmt.Sprintf("x%d", databases.Add(1))
	server := process(t, engine)
	admin := connect(t, engine, server.Addr, map[bool]string{true: "postgres"}[engine == "postgresql"])
	exec(t, admin, "CREATE DATABASE "+name)
	d := &database{db: connect(t, engine, server.Addr, name)}
	d.url = testserver.MySQLURL(server.Addr, name)
	if engine == "postgresql" {
		d.url = testserver.PostgresURL(server.Addr, name)
		exec(t, d.db, "CREATE EXTENSION pgrowlocks")
	}
	exec(t, d.db, statements...)
	return d
}

func connect(t *testing.T, engine, addr, name string) *sql.DB {
	t.Helper()
	driver, dsn := "mysql", testserver.MySQLDSN(addr, name)
	if engine == "postgresql" {
		driver, dsn = "pgx", testserver.PostgresURL(addr, name)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// open opens the server for explaining.
func (d *database) open(t *testing.T) *sqlexplain.Server {
	t.Helper()
	s, err := sqlexplain.Open(t.Context(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// withUser returns the URL with another user.
func (d *database) withUser(t *testing.T, user, password string) string {
	t.Helper()
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// explain explains a statement that must work.
func explain(t *testing.T, s *sqlexplain.Server, statement string, opts *sqlexplain.Options) *sqlexplain.Report {
	t.Helper()
	r, err := s.Explain(t.Context(), statement, opts)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return r
}

// text is a lock in one line.
func text(l sqlexplain.Lock) string {
	return strings.TrimSpace(fmt.Sprintf("%s.%s %s %s %s", l.Table, l.Index, l.Kind, l.Mode, strings.Join(l.Key, ",")))
}

// onEngines runs a test for each engine, side by side.
func onEngines(t *testing.T, test func(t *testing.T, engine string)) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// stock is a table with an index of each kind: rows 10, 20, 30, 40.
const stock = "CREATE TABLE t (id INT PRIMARY KEY, u INT NOT NULL, s INT NOT NULL, n INT NOT NULL, CONSTRAINT u UNIQUE (u))"

func stockTable(engine string) []string {
	return []string{stock, "CREATE INDEX s ON t (s)",
		"INSERT INTO t VALUES (10, 10, 10, 10), (20, 20, 20, 20), (30, 30, 30, 30), (40, 40, 40, 40)",
		map[bool]string{true: "ANALYZE t", false: "ANALYZE TABLE t"}[engine == "postgresql"]}
}

// name is the name of the database.
func (d *database) name() string {
	u, _ := url.Parse(d.url)
	return strings.TrimPrefix(u.Path, "/")
}
