package sqlexplain

import (
	"context"
	"database/sql"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	//go:embed sql/postgres_tables.sql
	postgresTables string
	//go:embed sql/postgres_functions.sql
	postgresFunctions string
	//go:embed sql/postgres_parents.sql
	postgresParents string
)

// postgresEngine is PostgreSQL, whose table locks stand in pg_locks and whose row locks
// stand in the rows, to be read with the extension pgrowlocks.
type postgresEngine struct{}

func (postgresEngine) name() string { return "postgresql" }

func (postgresEngine) defaultIsolation() string { return "read-committed" }

func (postgresEngine) lockTimeoutUnit() time.Duration { return time.Millisecond }

func (postgresEngine) waitQueries() (waits, sessions string) {
	return postgresWaits, postgresSessions
}

// locksOnTheWay is false: PostgreSQL tests a row before it locks it.
func (postgresEngine) locksOnTheWay(string) bool { return false }

// survives is false: an error ends the transaction and frees its locks.
func (postgresEngine) survives(error) bool { return false }

func (postgresEngine) begin(ctx context.Context, work *sql.Conn, opts Options) (id int64, err error) {
	isolation, _ := isolationSQL(opts.Isolation)
	for _, query := range []string{
		fmt.Sprintf("SET lock_timeout = %d", opts.LockTimeout.Milliseconds()),
		"BEGIN ISOLATION LEVEL " + isolation,
	} {
		if _, err := work.ExecContext(ctx, query); err != nil {
			return 0, err
		}
	}
	err = work.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&id)
	return id, err
}

// check refuses views and the like, and functions that may do anything.
func (postgresEngine) check(ctx context.Context, look querier, s statement) (warnings []string, err error) {
	var refusal error
	err = eachListed(ctx, look, postgresTables, s.names(), func(row map[string]string) {
		if why := postgresRefusal(row["tab"], row["kind"]); why != nil && refusal == nil {
			refusal = why
		}
		if verb := s.verb(); (verb == "INSERT" || verb == "MERGE") && row["numbered"] == "true" {
			warnings = append(warnings, fmt.Sprintf("the sequence of %s moves on: a rollback does not give its values back", row["tab"]))
		}
		if row["keyless"] == "true" {
			warnings = append(warnings, fmt.Sprintf("%s has no primary key: its rows are shown by their place (ctid), which changes with every update", row["tab"]))
		}
	})
	if err == nil && refusal == nil {
		err = eachListed(ctx, look, postgresFunctions, s.calls(), func(row map[string]string) {
			refusal = refused("the function %s may do what a rollback does not undo: its language is not a trusted one", row["proname"])
		})
	}
	if pgrowlocks, found := findRowLocks(ctx, look); found == nil && pgrowlocks == "" {
		warnings = append(warnings, "row locks are not shown: they need CREATE EXTENSION pgrowlocks")
	}
	return warnings, errors.Join(refusal, err)
}

func postgresRefusal(name, kind string) error {
	switch kind {
	case "v":
		return refused("%s is a view, whose locks are those of its tables; write the statement on these", name)
	case "m":
		return refused("%s is a materialized view, which has no row locks; write the statement on its tables", name)
	case "p":
		return refused("%s is partitioned, and each partition has locks of its own; write the statement on one partition", name)
	case "f":
		return refused("%s is a foreign table, whose locks are on another server; ask that one", name)
	}
	return nil
}

func (postgresEngine) foreign(ctx context.Context, look querier, tables []string) (parents []string, err error) {
	err = eachListed(ctx, look, postgresParents, tables, func(row map[string]string) {
		parents = append(parents, row["confrelid"])
	})
	return parents, err
}

// eachListed runs a query whose only argument is a list of names in JSON.
func eachListed(ctx context.Context, q querier, query string, names []string, do func(row map[string]string)) error {
	if len(names) == 0 {
		return nil
	}
	list, err := json.Marshal(names)
	if err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, query, string(list))
	if err != nil {
		return err
	}
	defer rows.Close()
	return eachRow(rows, do)
}

func (postgresEngine) hidesInserts() bool { return false }

// reveal does nothing: PostgreSQL hides no lock of its own, since a fresh row is invisible
// to others.
func (postgresEngine) reveal(context.Context, *sql.Conn, []Lock) error { return nil }

func (postgresEngine) kill(ctx context.Context, db *sql.DB, id int64) error {
	_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend($1::int)", id)
	return err
}

// plain says what to grant or to change.
func (postgresEngine) plain(err error, opts Options) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "42601":
		return fmt.Errorf("the statement does not parse: %w", err)
	case "42501":
		return fmt.Errorf("%w; grant that privilege, and to see row locks: GRANT pg_stat_scan_tables", err)
	case "25006":
		return fmt.Errorf("the server is read-only: %w; give --db the primary", err)
	case "55P03":
		return fmt.Errorf("another transaction holds a lock that the statement wants, for longer than --lock-timeout %v; \"pawl waits\" shows who waits, a larger --lock-timeout waits longer: %w",
			opts.LockTimeout, err)
	case "40P01":
		return fmt.Errorf("the statement ran into a deadlock and was rolled back; \"pawl deadlocks\" explains it from the server's log: %w", err)
	}
	return err
}
