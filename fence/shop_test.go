package fence_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/pawl-go/pawl/fence"
)

var stock = fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "id", Token: "fence"}

// openShop returns a database in a new file with 100 pieces of product 42.
func openShop(t *testing.T) (db *sql.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "shop.db")
	db = openFile(t, path)
	run(t, db, "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER NOT NULL)")
	run(t, db, "INSERT INTO stock VALUES (42, 100)")
	ddl, err := stock.DDL()
	must(t, err)
	run(t, db, ddl)
	ddl, err = guard.DDL()
	must(t, err)
	run(t, db, ddl)
	return db, path
}

func openFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := openSQLite(path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func openSQLite(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)")
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
