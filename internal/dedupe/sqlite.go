package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is SQLite. A transaction of pawl is the only writer of the file, so that
// there are no row locks to take.
type sqliteEngine struct{ backquoted }

func openSQLite(u *url.URL) (*Database, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: u.Host + u.Path}).EscapedPath(), RawQuery: url.Values{
		"mode":    {"rw"}, // a file that is not there is a mistake
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", lockWait.Milliseconds()), "cache_size(-65536)"}, // 64 MiB: rows of a key lie far apart
	}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	return &Database{DB: db, engine: sqliteEngine{}}, nil
}

func (sqliteEngine) name() string { return "sqlite" }

// read keeps the driver from turning text into a time or a number into a bool because of
// the declared type: an expression has none.
func (sqliteEngine) read(expr string, _ column) string { return "+" + expr }

func (sqliteEngine) in(s *statement, names []string, cols []column, rows [][]any) {
	rowIn(s, names, cols, rows, "VALUES ")
}

func (e sqliteEngine) hint(index string) string { return " INDEXED BY " + e.quote(index) }

func (sqliteEngine) forUpdate() string { return "" }

func (sqliteEngine) byPrimary() string { return "" }

// check is left to the first write: only it can tell.
func (sqliteEngine) check(context.Context, *sql.DB) error { return nil }

func (e sqliteEngine) describe(ctx context.Context, db *sql.DB, name string) (*table, error) {
	t := &table{}
	var kind, text string
	found, err := one(ctx, db, "SELECT name, type, COALESCE(sql, '') FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')", []any{name}, &t.name, &kind, &text)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, usage("no table %s in this database", name)
	case kind == "view":
		return nil, refused("%s is a view: want the table under it", name)
	case strings.HasPrefix(strings.ToUpper(text), "CREATE VIRTUAL"):
		return nil, refused("%s is a virtual table: want an ordinary one", name)
	}
	return t, e.columns(ctx, db, t)
}

func (e sqliteEngine) columns(ctx context.Context, db *sql.DB, t *table) error {
	var c column
	var place int
	err := each(ctx, db, query("sqlite_columns"), []any{t.name}, []any{&c.name, &c.nullable, &place}, func() { t.add(c, place) })
	t.sortPrimary()
	if err != nil || len(nullables(t.primary)) == 0 {
		return err
	}
	// An old mistake of SQLite, kept for ever: a primary key may hold NULL.
	var conditions []string
	for _, name := range quoted(e, nullables(t.primary)) {
		conditions = append(conditions, name+" IS NULL")
	}
	var n int
	found, err := one(ctx, db, "SELECT 1 FROM "+e.quote(t.name)+" WHERE "+strings.Join(conditions, " OR ")+" LIMIT 1", nil, &n)
	if found {
		return refused("%s has rows with NULL in the primary key, which tells none of them apart: want values there", t.name)
	}
	return err
}

func (sqliteEngine) walks(column) bool { return true }

// indexes asks the planner whether the index serves the order: its collations are not in
// the catalogue beside those of the columns.
func (e sqliteEngine) indexes(ctx context.Context, db *sql.DB, t *table) (fit []index, err error) {
	var found indexList
	var name string
	var unique bool
	var col *string
	err = each(ctx, db, query("sqlite_indexes"), []any{t.name}, []any{&name, &unique, &col}, func() {
		found.add(name, unique, col)
	})
	for _, i := range found.all {
		if slices.Contains(i.columns, "") {
			continue
		}
		sorted, planErr := e.sorts(ctx, db, t, i)
		if planErr == nil && !sorted {
			fit = append(fit, i)
		}
		err = errors.Join(err, planErr)
	}
	return fit, err
}

// sorts reports whether the rows would have to be sorted although they come from the
// index.
func (e sqliteEngine) sorts(ctx context.Context, db *sql.DB, t *table, i index) (sorted bool, err error) {
	var cols []string
	for _, name := range i.columns {
		cols = append(cols, e.quote(name))
	}
	var id, parent, unused int
	var detail string
	err = each(ctx, db, "EXPLAIN QUERY PLAN SELECT * FROM "+e.quote(t.name)+e.hint(i.name)+" ORDER BY "+strings.Join(cols, ", "),
		nil, []any{&id, &parent, &unused, &detail}, func() {
			sorted = sorted || strings.Contains(detail, "TEMP B-TREE")
		})
	return sorted, err
}

func (sqliteEngine) references(ctx context.Context, db *sql.DB, t *table) ([]reference, error) {
	var found referenceList
	var r reference
	var from column
	var to *string
	err := each(ctx, db, query("sqlite_references"), []any{t.name}, []any{&r.name, &r.table, &from.name, &to, &r.silent}, func() {
		name := ""
		if to != nil {
			name = *to
		}
		found.add(r, from, name)
	})
	for i := range found.all {
		if ref := &found.all[i]; slices.Contains(ref.to, "") {
			ref.to = names(t.primary)
		}
	}
	return found.all, err
}

func (sqliteEngine) createAs() string { return " AS " }

func (e sqliteEngine) addUnique(ctx context.Context, db *sql.DB, t *table, name string, _ bool) error {
	_, err := db.ExecContext(ctx, "CREATE UNIQUE INDEX "+e.quote(name)+" ON "+e.quote(t.name)+" ("+list(e, t.key)+")")
	return err
}

func (sqliteEngine) stateTable(name string) string {
	return "CREATE TABLE IF NOT EXISTS " + name + " (id INTEGER PRIMARY KEY, token INTEGER NOT NULL, about TEXT NOT NULL, progress TEXT NOT NULL)"
}

func (sqliteEngine) fault(err error) fault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fatal
	}
	switch {
	case e.Code()&0xff == sqlite3.SQLITE_BUSY, e.Code()&0xff == sqlite3.SQLITE_LOCKED:
		return transient
	case e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE, e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return duplicate
	}
	return fatal
}

func (sqliteEngine) advice(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_READONLY:
		return "want a file and a folder that this user may write to"
	case sqlite3.SQLITE_CANTOPEN:
		return "want a file that is there"
	case sqlite3.SQLITE_NOTADB:
		return "want a SQLite database"
	}
	return ""
}
