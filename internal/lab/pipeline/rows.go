package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pawl-go/pawl/internal/lab"
)

// prepare makes the tables anew.
func prepare(ctx context.Context, db *lab.DB, _ lab.Setup) error {
	statements := []string{
		"DROP TABLE IF EXISTS pawl_lab_target",
		"DROP TABLE IF EXISTS pawl_lab_written",
		"DROP TABLE IF EXISTS pawl_lab_runs",
		"CREATE TABLE pawl_lab_target (id " + db.AutoKey() + ", item INTEGER NOT NULL)",
		"CREATE INDEX pawl_lab_target_item ON pawl_lab_target (item)",
		// What must be somewhere: writers put it here and into a source, both or neither.
		"CREATE TABLE pawl_lab_written (item INTEGER PRIMARY KEY)",
		"CREATE TABLE pawl_lab_runs (id " + db.AutoKey() + ", number INTEGER NOT NULL)",
	}
	for _, source := range sourceTables() {
		statements = append(statements, "DROP TABLE IF EXISTS "+source, "CREATE TABLE "+source+" (item INTEGER PRIMARY KEY)")
	}
	return db.ExecAll(ctx, statements...)
}

// sourceTable returns the name of the source with that number, counted from 1.
func sourceTable(source int) string { return fmt.Sprint("pawl_lab_source", source) }

func sourceTables() []string {
	tables := make([]string, sources)
	for i := range tables {
		tables[i] = sourceTable(i + 1)
	}
	return tables
}

// allItems selects the items of all sources.
func allItems() string {
	return "SELECT item FROM " + strings.Join(sourceTables(), " UNION ALL SELECT item FROM ")
}

// count compares what is in the sources and the target with what was written. Left are
// rows that no run has moved yet.
func count(ctx context.Context, db *lab.DB, _ lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	var written, runs, places, there int
	everywhere := "(SELECT item FROM pawl_lab_target UNION ALL " + allItems() + ") AS everywhere"
	err := db.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM pawl_lab_written), (SELECT COUNT(*) FROM pawl_lab_runs), "+
		"(SELECT COUNT(*) FROM ("+allItems()+") AS left_over), COUNT(*), COUNT(DISTINCT item) FROM "+everywhere).
		Scan(&written, &runs, &c.Left, &places, &there)
	c.Sold, c.Doubled, c.Drift = written+runs, places-there, written-there
	return c, err
}

// step is some statements of a transaction.
type step func(ctx context.Context, env *lab.Env, tx *sql.Tx) error

// exec returns a step of one statement, written with question marks.
func exec(query string, args ...any) step {
	return func(ctx context.Context, env *lab.Env, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, env.DB.SQL(query), args...)
		return err
	}
}

// inOneEach runs each step in a transaction of its own, again when the database has undone
// it for the sake of others.
func inOneEach(ctx context.Context, env *lab.Env, todo ...step) error {
	for _, do := range todo {
		told, err := env.Retry(ctx, lab.Tries, lab.Conflict, func() (lab.Answer, error) {
			return lab.Told(env.Tx(ctx, func(tx *sql.Tx) error { return do(ctx, env, tx) }))
		})
		if err != nil {
			return err
		}
		if told == lab.GaveUp {
			return fmt.Errorf("a step was undone %d times", lab.Tries)
		}
	}
	return nil
}

// writeRow is what a writer does: a row for its source, and the note that it was written.
func writeRow(number int) step {
	return func(ctx context.Context, env *lab.Env, tx *sql.Tx) error {
		for _, table := range []string{sourceTable(sourceOf(number)), "pawl_lab_written"} {
			if err := exec("INSERT INTO "+table+" (item) VALUES (?)", number)(ctx, env, tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// copyRows copies what is in the sources to the target.
func copyRows(ctx context.Context, env *lab.Env, tx *sql.Tx) error {
	return exec("INSERT INTO pawl_lab_target (item) "+allItems())(ctx, env, tx)
}

// deleteCopied deletes what a run has copied that died before it could delete it.
func deleteCopied(ctx context.Context, env *lab.Env, tx *sql.Tx) error {
	return fromAll(ctx, env, tx, " WHERE item IN (SELECT item FROM pawl_lab_target)")
}

// deleteAll deletes whatever is in the sources.
func deleteAll(ctx context.Context, env *lab.Env, tx *sql.Tx) error { return fromAll(ctx, env, tx, "") }

func fromAll(ctx context.Context, env *lab.Env, tx *sql.Tx, where string) error {
	for _, table := range sourceTables() {
		if err := exec("DELETE FROM "+table+where)(ctx, env, tx); err != nil {
			return err
		}
	}
	return nil
}

// noteRun writes that a run is done.
func noteRun(number int) step { return exec("INSERT INTO pawl_lab_runs (number) VALUES (?)", number) }
