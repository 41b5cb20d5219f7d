package sqlexplain

import (
	"context"
	"database/sql"
	_ "embed" // the statements
	"fmt"
	"strings"
	"time"
)

var (
	//go:embed sql/innodb_tables.sql
	innodbTables string
	//go:embed sql/innodb_triggers.sql
	innodbTriggers string
	//go:embed sql/innodb_functions.sql
	innodbFunctions string
	//go:embed sql/innodb_columns.sql
	innodbColumns string
	//go:embed sql/innodb_parents.sql
	innodbParents string
)

// innodb is what MySQL and MariaDB have in common.
type innodb struct{}

func (innodb) defaultIsolation() string { return "repeatable-read" }

func (innodb) lockTimeoutUnit() time.Duration { return time.Second }

func (innodb) locksOnTheWay(isolation string) bool { return isolation == "read-committed" }

func (innodb) begin(ctx context.Context, work *sql.Conn, opts Options) (id int64, err error) {
	if err := work.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return 0, err
	}
	isolation, _ := isolationSQL(opts.Isolation)
	seconds := int(opts.LockTimeout / time.Second)
	for _, query := range []string{
		fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d, SESSION lock_wait_timeout = %d", seconds, seconds),
		"SET SESSION TRANSACTION ISOLATION LEVEL " + isolation,
		"START TRANSACTION",
	} {
		if _, err := work.ExecContext(ctx, query); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// plan reads the traditional form of EXPLAIN, which both engines have: a row for each
// table.
func (innodb) plan(ctx context.Context, work querier, s statement) ([]Step, error) {
	rows, err := work.QueryContext(ctx, "EXPLAIN FORMAT=TRADITIONAL "+s.text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	steps := []Step{}
	err = eachRow(rows, func(row map[string]string) {
		steps = append(steps, innodbStep(row))
	})
	return steps, err
}

// eachRow calls do with every row, by the names of the columns in lower case. NULL is
// the empty string.
func eachRow(rows *sql.Rows, do func(row map[string]string)) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]string, len(names))
		for i, name := range names {
			row[strings.ToLower(name)] = values[i].String
		}
		do(row)
	}
	return rows.Err()
}

func innodbStep(row map[string]string) Step {
	step := Step{Table: row["table"], Access: row["type"], Index: row["key"], Detail: row["extra"]}
	_, _ = fmt.Sscan(row["rows"], &step.Rows)
	switch kind := row["select_type"]; {
	case kind == "INSERT" || kind == "REPLACE":
		step.Access = "insert"
	case row["type"] == "ALL", row["type"] == "index", row["extra"] == "Deleting all rows":
		step.Access = "full scan"
	case row["type"] == "const", row["type"] == "eq_ref", row["type"] == "ref", row["type"] == "system", row["type"] == "ref_or_null":
		step.Access = "lookup"
	case row["type"] == "":
		step.Access = "none" // the plan reads nothing: an impossible WHERE
	}
	return step
}

// foreign returns the tables that foreign keys of the named ones point at.
func (innodb) foreign(ctx context.Context, look querier, tables []string) (parents []string, err error) {
	err = eachNamed(ctx, look, innodbParents, tables, func(row map[string]string) {
		parents = append(parents, row["referenced_table_name"])
	})
	return parents, err
}

// eachNamed runs a query in whose text the list of names stands twice.
func eachNamed(ctx context.Context, q querier, query string, names []string, do func(row map[string]string)) error {
	if len(names) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(names))
	for range 2 {
		for _, name := range names {
			args = append(args, name)
		}
	}
	rows, err := q.QueryContext(ctx, fmt.Sprintf(query, marks(len(names))), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	return eachRow(rows, do)
}

// marks returns n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func (innodb) hidesInserts() bool { return true }

// reveal makes implicit locks explicit: whoever asks for an entry that a transaction has
// written gives the writer its lock first, and then skips the entry.
func (innodb) reveal(ctx context.Context, look *sql.Conn, locks []Lock) error {
	tx, err := look.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it has only read
	done := make(map[string]bool)
	for _, lock := range locks {
		if lock.Kind != KindTable || lock.Mode != "IX" || done[lock.Table] {
			continue
		}
		done[lock.Table] = true
		schema, err := readTable(ctx, look, lock.Table)
		if err != nil {
			return err
		}
		for _, name := range schema.names() {
			//nolint:gosec // both are quoted
			query := "SELECT COUNT(*) FROM (SELECT 1 FROM " + quoteTable(lock.Table) +
				" FORCE INDEX (" + quoteName(name) + ") FOR UPDATE SKIP LOCKED) entries"
			if _, err := tx.ExecContext(ctx, query); err != nil {
				return fmt.Errorf("reveal the locks of %s: %w", lock.Table, err)
			}
		}
	}
	return nil
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteTable quotes a table's name with or without a schema.
func quoteTable(table string) string {
	schema, name, ok := strings.Cut(table, ".")
	if !ok {
		return quoteName(table)
	}
	return quoteName(schema) + "." + quoteName(name)
}

func (innodb) kill(ctx context.Context, db *sql.DB, id int64) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	return err
}

// tableName returns a table's name as it is reported: without the schema where that is
// the connection's own.
func tableName(own, schema, table string) string {
	if schema == own {
		return table
	}
	return schema + "." + table
}
