package rowlock_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/rowlock"
	"github.com/pawl-go/pawl/rowlock/pgxrow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Stopping(m)) }

// world is an empty database of one engine, and one client for it.
type world struct {
	rowlock.Dialect
	// db is always there, to look at things.
	db *sql.DB
	// conn is what is under test.
	conn  rowlock.Conn
	begin func(ctx context.Context) (transaction, error)
	retry func(ctx context.Context, fn func(tx rowlock.Conn) error, options ...rowlock.Option) error
	// through opens a second world on the same data behind a proxy; nil for SQLite. Its
	// statements are one round trip each, so that the one reply can be lost.
	through func(t *testing.T) (*world, *testserver.Proxy)
}

// transaction is one of either client.
type transaction struct {
	rowlock.Conn
	Commit, Rollback func() error
}

type engine struct {
	name string
	open func(t *testing.T) *world
}

var engines = []engine{
	{"sqlite", openSQLite},
	{"mysql", func(t *testing.T) *world { return openMySQL(t, rowlock.MySQL, "mysql", testserver.MySQL) }},
	{"mariadb", func(t *testing.T) *world { return openMySQL(t, rowlock.MariaDB, "mariadb", testserver.MariaDB) }},
	{"postgres", func(t *testing.T) *world { return openPostgres(t, stdPostgres) }},
	{"pgx", func(t *testing.T) *world { return openPostgres(t, pgxPostgres) }},
}

// onEveryEngine runs test on every engine, with a table stock in which product 42 has num
// 10, 43 has 20, 44 has NULL.
func onEveryEngine(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w := e.open(t)
			w.exec(t, "CREATE TABLE stock (id INTEGER NOT NULL PRIMARY KEY, num BIGINT, version BIGINT NOT NULL, changed "+w.timeType()+" NOT NULL, state VARCHAR(20))")
			w.exec(t, "CREATE INDEX by_state ON stock (state)")
			for _, values := range []string{"42, 10", "43, 20", "44, NULL"} {
				w.exec(t, "INSERT INTO stock VALUES ("+values+", 1, "+w.past()+", 'new')")
			}
			test(t, w)
		})
	}
}

// except skips an engine, and says why.
func (w *world) except(t *testing.T, d rowlock.Dialect, why string) {
	t.Helper()
	if w.Dialect == d {
		t.Skip(why)
	}
}

func (w *world) timeType() string {
	return map[rowlock.Dialect]string{rowlock.SQLite: "INTEGER", rowlock.PostgreSQL: "timestamptz"}[w.Dialect] +
		map[bool]string{true: "DATETIME(6)"}[w.Dialect == rowlock.MySQL || w.Dialect == rowlock.MariaDB]
}

func (w *world) past() string {
	if w.Dialect == rowlock.SQLite {
		return "1577836800000000"
	}
	return "'2020-01-01 00:00:00'"
}

// row names a product of the stock, and reads its num if num is not nil.
func (w *world) row(id int, num *int) rowlock.Row {
	row := rowlock.Row{Dialect: w.Dialect, Table: "stock", Key: "id", Value: id}
	if num != nil {
		row.Read = rowlock.Columns{"num": num}
	}
	return row
}

// num returns the num of a product.
func (w *world) num(t *testing.T, id int) (num int) {
	t.Helper()
	must(t, w.db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT num FROM stock WHERE id = %d", id)).Scan(&num))
	return num
}

func (w *world) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// tx begins a transaction that is rolled back at the end of the test.
func (w *world) tx(t *testing.T) transaction {
	t.Helper()
	tx, err := w.begin(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// try reports what happens to somebody else who wants the row at once.
func (w *world) try(t *testing.T, row rowlock.Row, mode rowlock.Mode) error {
	t.Helper()
	tx := w.tx(t)
	err := rowlock.For(t.Context(), tx.Conn, row, mode.NoWait())
	must(t, tx.Rollback())
	return err
}

func openSQLite(t *testing.T) *world {
	path := filepath.Join(t.TempDir(), "shop.db")
	db := openDB(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	return stdWorld(rowlock.SQLite, db)
}

func openMySQL(t *testing.T, d rowlock.Dialect, name string, start func(testserver.TB, ...string) *testserver.Process) *world {
	server := testserver.Shared(t, name, func(tb testserver.TB) *testserver.Process { return start(tb) })
	database := databaseName()
	admin := openDB(t, "mysql", testserver.MySQLDSN(server.Addr, ""))
	_, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+database)
	must(t, err)
	w := stdWorld(d, openDB(t, "mysql", testserver.MySQLDSN(server.Addr, database)))
	w.through = func(t *testing.T) (*world, *testserver.Proxy) {
		proxy := testserver.NewProxy(t, server.Addr)
		return stdWorld(d, openDB(t, "mysql", testserver.MySQLDSN(proxy.Addr, database)+"?interpolateParams=true")), proxy
	}
	return w
}

func openPostgres(t *testing.T, client func(t *testing.T, url string) *world) *world {
	server := testserver.Shared(t, "postgres", func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) })
	schema := databaseName()
	admin := openDB(t, "pgx", testserver.PostgresURL(server.Addr, "postgres"))
	_, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	must(t, err)
	w := client(t, testserver.PostgresURL(server.Addr, "postgres")+"&search_path="+schema)
	w.through = func(t *testing.T) (*world, *testserver.Proxy) {
		proxy := testserver.NewProxy(t, server.Addr)
		return client(t, testserver.PostgresURL(proxy.Addr, "postgres")+"&default_query_exec_mode=exec&search_path="+schema), proxy
	}
	return w
}

func stdPostgres(t *testing.T, url string) *world {
	return stdWorld(rowlock.PostgreSQL, openDB(t, "pgx", url))
}

// pgxPostgres is a world in which rowlock runs on pgx itself.
func pgxPostgres(t *testing.T, url string) *world {
	w := stdPostgres(t, url)
	config, err := pgxpool.ParseConfig(url)
	must(t, err)
	config.MaxConns = 20 // a test holds several transactions
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	must(t, err)
	t.Cleanup(pool.Close)
	w.conn = pgxrow.DB(pool)
	w.begin = func(ctx context.Context) (transaction, error) {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return transaction{}, err
		}
		return transaction{
			Conn:     pgxrow.Tx(tx),
			Commit:   func() error { return tx.Commit(ctx) },
			Rollback: func() error { return ignoreEnded(tx.Rollback(context.WithoutCancel(ctx))) },
		}, nil
	}
	w.retry = func(ctx context.Context, fn func(tx rowlock.Conn) error, options ...rowlock.Option) error {
		return pgxrow.Retry(ctx, pool, pgx.TxOptions{}, func(tx pgx.Tx) error { return fn(pgxrow.Tx(tx)) }, options...)
	}
	return w
}

func stdWorld(d rowlock.Dialect, db *sql.DB) *world {
	return &world{
		Dialect: d, db: db, conn: db,
		begin: func(ctx context.Context) (transaction, error) {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return transaction{}, err
			}
			return transaction{Conn: tx, Commit: tx.Commit, Rollback: func() error { return ignoreEnded(tx.Rollback()) }}, nil
		},
		retry: func(ctx context.Context, fn func(tx rowlock.Conn) error, options ...rowlock.Option) error {
			return rowlock.Retry(ctx, db, nil, func(tx *sql.Tx) error { return fn(tx) }, options...)
		},
	}
}

func ignoreEnded(err error) error {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxClosed) {
		return nil
	}
	return err
}

var databases atomic.Int64

func databaseName() string { return fmt.Sprintf("shop%d", databases.Add(1)) }

func openDB(t *testing.T, client, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(client, dsn)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
	}
}

// wantText checks a one-line error that says text.
func wantText(t testing.TB, what string, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want one line with %q", what, err, text)
	}
}

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
