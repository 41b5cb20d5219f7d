package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgEngine is PostgreSQL. All values travel as text and are cast back to the column's
// type, which is exact for every type.
type pgEngine struct{}

// pgOpts are the settings of a transaction of pawl: set for it alone, so that nothing
// stays behind in a session that a pooler gives to somebody else. Row security, which
// would hide rows, becomes an error. The planner must not scan the table for a batch
// because it has no statistics yet.
const pgOpts = `SELECT set_config('lock_timeout', $1, true), set_config('row_security', 'off', true),
set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), set_config('statement_timeout', '0', true),
set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true),
set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)`

func openPostgres(rawURL string) (*Database, error) {
	config, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return nil, usage("a parameter is wrong; want postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE")
	}
	if !strings.Contains(rawURL, "default_query_exec_mode") {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec // for poolers
	}
	return &Database{DB: stdlib.OpenDB(*config), engine: pgEngine{}}, nil
}

func (pgEngine) name() string { return "postgresql" }

func (pgEngine) quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func (pgEngine) read(expr string, _ column) string { return expr + "::text" }

func (pgEngine) bind(c column, n int) string { return fmt.Sprintf("$%d::text::%s", n, c.typ) }

func (pgEngine) number(n int) string { return fmt.Sprintf("$%d", n) }

// in passes one array for each column: the statement stays the same whatever the number
// of rows.
func (pgEngine) in(s *statement, names []string, cols []column, rows [][]any) {
	var casts, arrays, aliases []string
	for i, c := range cols {
		texts := make([]string, len(rows))
		for j, row := range rows {
			texts[j] = fmt.Sprint(row[i])
		}
		s.args = append(s.args, texts)
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", len(s.args)))
		aliases = append(aliases, fmt.Sprintf("u%d", i))
		casts = append(casts, fmt.Sprintf("u%d::%s", i, c.typ))
	}
	s.add("(", strings.Join(names, ", "), ") IN (SELECT ", strings.Join(casts, ", "),
		" FROM unnest(", strings.Join(arrays, ", "), ") AS u(", strings.Join(aliases, ", "), "))")
}

func (pgEngine) nullsFirst() bool { return false }

func (pgEngine) order(expr string, newest bool) string {
	if newest {
		return expr + " DESC NULLS LAST"
	}
	return expr + " NULLS FIRST"
}

func (pgEngine) hint(string) string { return "" }

func (pgEngine) forUpdate() string { return " FOR UPDATE" }

func (pgEngine) byPrimary() string { return "" }

func (pgEngine) moves() bool { return true }

func (pgEngine) settled() bool { return false }

func (pgEngine) prepare(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, pgOpts, fmt.Sprintf("%dms", lockWait.Milliseconds()))
	return err
}

func (pgEngine) check(ctx context.Context, db *sql.DB) error {
	var readOnly bool
	if _, err := one(ctx, db, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool", nil, &readOnly); err != nil {
		return err
	}
	if readOnly {
		return refused("the server is read-only (a standby, or default_transaction_read_only): want the URL of the primary")
	}
	return nil
}

var pgKinds = map[string]string{
	"v": "a view", "m": "a materialized view", "p": "a partitioned table", "f": "a foreign table",
	"S": "a sequence", "i": "an index", "I": "an index", "c": "a type",
}

func (e pgEngine) describe(ctx context.Context, db *sql.DB, name string) (*table, error) {
	t := &table{}
	var oid int64
	var kind string
	var children bool
	schema, bare := splitName(name)
	found, err := one(ctx, db, query("postgres_table"), []any{quoteTable(e, schema, bare)}, &oid, &t.schema, &t.name, &kind, &children)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, usage("no table %s in this database", name)
	case kind == "p":
		return nil, refused("%s is a partitioned table: want one of its partitions", name)
	case kind != "r":
		return nil, refused("%s is %s: want a table", name, pgKinds[kind])
	case children:
		return nil, refused("%s has tables that inherit from it, whose rows no primary key tells apart: want a table without", name)
	}
	var c column
	var place int
	err = each(ctx, db, query("postgres_columns"), []any{oid}, []any{&c.name, &c.typ, &c.nullable, &place}, func() { t.add(c, place) })
	t.sortPrimary()
	return t, err
}

// oid is that of the table, by its full name.
func (e pgEngine) oid(ctx context.Context, db *sql.DB, t *table) (oid int64, err error) {
	_, err = one(ctx, db, "SELECT to_regclass($1)::oid::bigint", []any{quoteTable(e, t.schema, t.name)}, &oid)
	return oid, err
}

func (pgEngine) walks(column) bool { return true }

func (e pgEngine) indexes(ctx context.Context, db *sql.DB, t *table) ([]index, error) {
	var found indexList
	var name string
	var unique bool
	var col *string
	oid, err := e.oid(ctx, db, t)
	if err != nil {
		return nil, err
	}
	err = each(ctx, db, query("postgres_indexes"), []any{oid}, []any{&name, &unique, &col}, func() {
		found.add(name, unique, col)
	})
	return found.all, err
}

func (e pgEngine) references(ctx context.Context, db *sql.DB, t *table) ([]reference, error) {
	var found referenceList
	var r reference
	var from column
	var to string
	oid, err := e.oid(ctx, db, t)
	if err != nil {
		return nil, err
	}
	err = each(ctx, db, query("postgres_references"), []any{oid},
		[]any{&r.name, &r.schema, &r.table, &from.name, &to, &from.typ, &r.silent}, func() { found.add(r, from, to) })
	return found.all, err
}

func (pgEngine) createAs() string { return " AS " }

// addUnique builds the index while writers go on. When that fails, or was cut off at an
// earlier run, an INVALID index stays, which costs every write and helps nobody: it is
// dropped.
func (e pgEngine) addUnique(ctx context.Context, db *sql.DB, t *table, name string, nulls bool) error {
	if err := e.dropInvalid(ctx, db, t, name); err != nil {
		return err
	}
	create := fmt.Sprintf("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s (%s)", e.quote(name), quoteTable(e, t.schema, t.name), list(e, t.key))
	if nulls && len(nullables(t.key)) > 0 {
		create += " NULLS NOT DISTINCT" // since PostgreSQL 15
	}
	_, err := db.ExecContext(ctx, create)
	if err == nil {
		return nil
	}
	cleanUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	return errors.Join(err, e.dropInvalid(cleanUp, db, t, name))
}

// dropInvalid drops the table's index of that name if it is INVALID, and no other.
func (e pgEngine) dropInvalid(ctx context.Context, db *sql.DB, t *table, name string) error {
	full := quoteTable(e, t.schema, name)
	var invalid bool
	_, err := one(ctx, db, "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1) AND indrelid = to_regclass($2)",
		[]any{full, quoteTable(e, t.schema, t.name)}, &invalid)
	if err != nil || !invalid {
		return err
	}
	_, err = db.ExecContext(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+full)
	return err
}

func (pgEngine) stateTable(name string) string {
	return "CREATE TABLE IF NOT EXISTS " + name + " (id INT PRIMARY KEY, token BIGINT NOT NULL, about TEXT NOT NULL, progress TEXT NOT NULL)"
}

func (pgEngine) fault(err error) fault {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fatal
	}
	switch e.Code {
	case "40001", "40P01", "55P03", "23503": // serialization, deadlock, lock_timeout, a new reference
		return transient
	case "23505":
		return duplicate
	}
	return fatal
}

func (pgEngine) advice(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code {
	case "42501":
		if strings.Contains(e.Message, "row-level security") {
			return "row-level security hides rows from this user: want one with BYPASSRLS"
		}
		return "want SELECT, UPDATE and DELETE on the table, CREATE on its schema and, for the unique index, its owner"
	case "28000", "28P01":
		return "want a user and a password that the server knows"
	case "3D000":
		return "want a database that is there"
	case "25006":
		return "the server is read-only: want the URL of the primary"
	}
	return ""
}
