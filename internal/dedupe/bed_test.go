package dedupe

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pawl-go/pawl/internal/testserver"
)

// bed is a database of a test's own, on one of the engines.
type bed struct {
	*testing.T
	name string // of the engine
	url  string
	addr string // of the server; "" on SQLite
	db   *sql.DB
}

var engines = []string{"mysql", "mariadb", "postgres", "sqlite"}

var databases atomic.Int64

// onEach runs test on the four engines, each with an empty database.
func onEach(t *testing.T, test func(b *bed)) {
	t.Helper()
	t.Parallel()
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newBed(t, name))
		})
	}
}

func newBed(t *testing.T, name string) *bed {
	t.Helper()
	b := &bed{T: t, name: name}
	database := fmt.Sprintf("d%d", databases.Add(1))
	switch name {
	case "sqlite":
		path := filepath.Join(t.TempDir(), "app.db")
		b.url = "sqlite://" + path
		b.open("sqlite", "file:"+path+"?"+url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(20000)", "journal_mode(WAL)", "synchronous(OFF)"}}.Encode())
	case "postgres":
		server := testserver.Shared(t, name, func(tb testserver.TB) *testserver.Process {
			return testserver.Postgres(tb, "fsync=off", "shared_preload_libraries=pg_stat_statements")
		})
		b.admin(server.Addr, database)
		b.url, b.addr = testserver.PostgresURL(server.Addr, database), server.Addr
		config, err := pgx.ParseConfig(b.url)
		if err != nil {
			t.Fatal(err)
		}
		b.db = stdlib.OpenDB(*config)
	default:
		server := testserver.Shared(t, name, func(tb testserver.TB) *testserver.Process {
			if name == "mariadb" {
				return testserver.MariaDB(tb, "--innodb-flush-log-at-trx-commit=0", "--tmpdir=.") // another server that starts cleans /tmp
			}
			return testserver.MySQL(tb, "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--innodb-buffer-pool-size=512M")
		})
		b.admin(server.Addr, database)
		b.url, b.addr = testserver.MySQLURL(server.Addr, database), server.Addr
		b.open("mysql", testserver.MySQLDSN(server.Addr, database))
	}
	t.Cleanup(func() { _ = b.db.Close() })
	return b
}

func (b *bed) open(driver, dsn string) {
	b.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.db = db
}

// admin makes a database on the server at addr.
func (b *bed) admin(addr, database string) {
	b.Helper()
	driver, dsn := "mysql", testserver.MySQLDSN(addr, "")
	if b.name == "postgres" {
		driver, dsn = "pgx", testserver.PostgresURL(addr, "postgres")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.Context(), "CREATE DATABASE "+database); err != nil {
		b.Fatal(err)
	}
}

// exec runs statements, in which "INT" of a primary key is every engine's own.
func (b *bed) exec(statements ...string) {
	b.Helper()
	for _, text := range statements {
		if _, err := b.db.ExecContext(b.Context(), text); err != nil {
			b.Fatalf("%s: %v", text, err)
		}
	}
}

// fill inserts n rows of a table in one statement.
func (b *bed) fill(table string, n int, row func(i int) string) {
	b.Helper()
	all := make([]string, n)
	for i := range all {
		all[i] = "(" + row(i) + ")"
	}
	b.exec("INSERT INTO " + table + " VALUES " + strings.Join(all, ","))
}

// rows returns what a query returns, a row in a text with blanks.
func (b *bed) rows(query string) (all []string) {
	b.Helper()
	rows, err := b.db.QueryContext(b.Context(), query)
	if err != nil {
		b.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	row := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		var texts []string
		for _, v := range row {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, v.String)
		}
		all = append(all, strings.Join(texts, " "))
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return all
}

// want compares the rows of a query.
func (b *bed) want(query string, want ...string) {
	b.Helper()
	if diff := cmp.Diff(want, b.rows(query)); diff != "" {
		b.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// job is one on the table t with the key k and without pauses.
func (b *bed) job() Job {
	return Job{URL: b.url, Table: "t", Key: []string{"k"}, Keep: Oldest, Batch: 100, BackupTable: "t_dups"}
}

// plan returns the plan of a job, or why there is none.
func (b *bed) plan(job Job) (*Plan, error) {
	b.Helper()
	db, err := Open(b.Context(), job.URL)
	if err != nil {
		return nil, err
	}
	b.Cleanup(func() { _ = db.Close() })
	return db.Plan(b.Context(), job)
}

func (b *bed) mustPlan(job Job) *Plan {
	b.Helper()
	plan, err := b.plan(job)
	if err != nil {
		b.Fatal(err)
	}
	return plan
}

// run runs a job to its end.
func (b *bed) run(job Job) *Report {
	b.Helper()
	report, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
	if err != nil {
		b.Fatalf("%v\n%+v", err, report)
	}
	b.nothingLeft()
	return report
}

// nothingLeft wants none of pawl's own tables.
func (b *bed) nothingLeft() {
	b.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'pawl%' AND table_schema IN (DATABASE())"
	switch b.name {
	case "postgres":
		query = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'pawl%'"
	case "sqlite":
		query = "SELECT name FROM sqlite_master WHERE name LIKE 'pawl%'"
	}
	b.want(query)
}
