package fence_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/testserver"
)

// The guards of the shop in SQLite.
var (
	stock = fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "id", Token: "fence"}
	guard = fence.SideTable{Dialect: fence.SQLite}
)

// shop is a database with 100 pieces of product 42, and what guards them.
type shop struct {
	*sql.DB
	stock fence.SQL
	guard fence.SideTable
	path  string // of SQLite's file

	journal []string // statements that make a table which a trigger fills with each row of the stock that is written
}

// engine is a database that a shop can be in.
type engine struct {
	name string
	open func(t *testing.T) *shop
}

var engines = []engine{
	{"sqlite", openShop},
	{"mysql", func(t *testing.T) *shop { return openMySQL(t, "mysql", testserver.MySQL) }},
	{"mariadb", func(t *testing.T) *shop { return openMySQL(t, "mariadb", testserver.MariaDB) }},
	{"postgres", openPostgres},
}

// onEveryEngine runs test with a shop in each.
func onEveryEngine(t *testing.T, test func(t *testing.T, s *shop)) {
	t.Helper()
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e.open(t))
		})
	}
}

// openShop returns a shop in a new file of SQLite.
func openShop(t *testing.T) *shop {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := newShop(t, fence.SQLite, "sqlite", sqliteDSN(path))
	s.path = path
	s.journal = []string{
		"CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, num BIGINT, token BIGINT)",
		"CREATE TRIGGER note AFTER UPDATE ON stock BEGIN INSERT INTO journal (num, token) VALUES (NEW.num, NEW.fence); END",
	}
	return s
}

func openMySQL(t *testing.T, name string, start func(testserver.TB, ...string) *testserver.Process) *shop {
	t.Helper()
	server := testserver.Shared(t, name, func(tb testserver.TB) *testserver.Process { return start(tb) })
	database := newDatabase(t, "mysql", testserver.MySQLDSN(server.Addr, ""))
	s := newShop(t, fence.MySQL, "mysql", testserver.MySQLDSN(server.Addr, database))
	s.journal = []string{
		"CREATE TABLE journal (seq BIGINT AUTO_INCREMENT PRIMARY KEY, num BIGINT, token BIGINT)",
		"CREATE TRIGGER note AFTER UPDATE ON stock FOR EACH ROW INSERT INTO journal (num, token) VALUES (NEW.num, NEW.fence)",
	}
	return s
}

func openPostgres(t *testing.T) *shop {
	t.Helper()
	server := testserver.Shared(t, "postgres", func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) })
	database := newDatabase(t, "pgx", testserver.PostgresURL(server.Addr, "postgres"))
	s := newShop(t, fence.PostgreSQL, "pgx", testserver.PostgresURL(server.Addr, database))
	s.journal = []string{
		"CREATE TABLE journal (seq BIGSERIAL PRIMARY KEY, num BIGINT, token BIGINT)",
		"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO journal (num, token) VALUES (NEW.num, NEW.fence); RETURN NULL; END'",
		"CREATE TRIGGER note AFTER UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION note()",
	}
	return s
}

var databases atomic.Int64

// newDatabase makes a database of the test's own and returns its name.
func newDatabase(t *testing.T, client, admin string) string {
	t.Helper()
	name := fmt.Sprintf("shop%d", databases.Add(1))
	run(t, openDB(t, client, admin), "CREATE DATABASE "+name)
	return name
}

func newShop(t *testing.T, d fence.Dialect, client, dsn string) *shop {
	t.Helper()
	s := &shop{DB: openDB(t, client, dsn), stock: stock, guard: guard}
	s.stock.Dialect, s.guard.Dialect = d, d
	run(t, s, "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER NOT NULL)")
	run(t, s, "INSERT INTO stock VALUES (42, 100)")
	for _, ddl := range []func() (string, error){s.stock.DDL, s.guard.DDL} {
		statement, err := ddl()
		must(t, err)
		run(t, s, statement)
	}
	return s
}

func openDB(t *testing.T, client, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(client, dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)"
}

var placeholder = regexp.MustCompile(`\?`)

// q returns SQL that is written with question marks in the shop's dialect.
func (s *shop) q(text string) string {
	if s.stock.Dialect != fence.PostgreSQL {
		return text
	}
	n := 0
	return placeholder.ReplaceAllStringFunc(text, func(string) string { n++; return fmt.Sprint("$", n) })
}

// keepJournal notes every write of the stock from now on.
func (s *shop) keepJournal(t *testing.T) {
	t.Helper()
	for _, statement := range s.journal {
		run(t, s, statement)
	}
}

// written returns a column of the journal in the order of the writes.
func (s *shop) written(t *testing.T, column string) (values []int64) {
	t.Helper()
	rows, err := s.QueryContext(t.Context(), "SELECT "+column+" FROM journal ORDER BY seq")
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var value int64
		must(t, rows.Scan(&value))
		values = append(values, value)
	}
	must(t, rows.Err())
	return values
}

func run(t *testing.T, db fence.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// row is what the stock table says of product 42.
type row struct {
	Num   int
	Token int64
}

func readRow(t *testing.T, db fence.DB) row {
	t.Helper()
	var r row
	err := db.QueryRowContext(t.Context(), "SELECT num, COALESCE(fence, 0) FROM stock WHERE id = 42").Scan(&r.Num, &r.Token)
	must(t, err)
	return r
}
