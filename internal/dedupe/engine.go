package dedupe

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// engine is what the four engines do each in its own way.
type engine interface {
	// name is what reports call it.
	name() string
	// quote returns name as an identifier, whatever it contains.
	quote(name string) string
	// read returns the expression that reads expr, of column c's type, as a value that bind
	// takes back unchanged.
	read(expr string, c column) string
	// bind returns the nth placeholder, from 1, for a value of column c.
	bind(c column, n int) string
	// number returns the nth placeholder for an integer or a text of pawl's own.
	number(n int) string
	// in writes the condition that the columns, already quoted, have the values of one of
	// rows.
	in(s *statement, names []string, cols []column, rows [][]any)
	// nullsFirst tells where ORDER BY puts NULL.
	nullsFirst() bool
	// order returns ORDER BY's words for the rank by an expression, NULL before all values.
	order(expr string, newest bool) string
	// hint follows the table in a SELECT that is to use the index.
	hint(index string) string
	// forUpdate ends a SELECT that locks its rows, and byPrimary follows the table in it.
	forUpdate() string
	byPrimary() string
	// moves reports whether one statement can delete rows and insert them elsewhere.
	moves() bool
	// settled reports whether all that must hold is set in every session already, so that a
	// read needs no transaction.
	settled() bool
	// prepare sets what must hold for this transaction alone.
	prepare(ctx context.Context, tx *sql.Tx) error

	// check refuses a server that cannot be written to.
	check(ctx context.Context, db *sql.DB) error
	// describe looks the table up: its columns and its primary key.
	describe(ctx context.Context, db *sql.DB, name string) (*table, error)
	// references looks up the foreign keys that point at the table.
	references(ctx context.Context, db *sql.DB, t *table) ([]reference, error)
	// indexes looks up the indexes on which a walk in order can rest.
	indexes(ctx context.Context, db *sql.DB, t *table) ([]index, error)
	// walks reports whether a position in the column's order can be given as a value.
	walks(c column) bool
	// createAs stands between the name of a new table and the SELECT that fills it.
	createAs() string
	// addUnique adds a unique index on the key with the server's own DDL, and leaves nothing
	// behind when that fails. With nulls, NULL equals NULL where the engine can say so.
	addUnique(ctx context.Context, db *sql.DB, t *table, name string, nulls bool) error
	// stateTable returns what makes the table of a job's state, unless it is there.
	stateTable(name string) string

	// fault sorts an error of the server.
	fault(err error) fault
	// advice is what to do about an error, "" when there is none.
	advice(err error) string
}

// fault is what an error of the server means to a batch.
type fault int

const (
	fatal     fault = iota
	transient       // the transaction is rolled back and may succeed next time
	duplicate       // a unique index says no
)

// column is a column of a table.
type column struct {
	name     string
	typ      string // for a cast, where bind wants one
	nullable bool
	place    int // in the primary key, from 1; 0 is not in it
}

// index is an index that keeps whole columns in ascending order.
type index struct {
	name    string
	columns []string
	unique  bool
}

// reference is a foreign key that points at the table.
type reference struct {
	name          string
	schema, table string
	from          []string // its columns, in the order of to
	to            []string // the columns of the table
	fromTypes     []column // the columns of from
	silent        bool     // deleting the row that it points at deletes or changes its own
}

// table is what is known of the table before the work begins.
type table struct {
	schema, name string
	columns      []column
	primary      []column
	key          []column // in the order of index, if there is one
	order        *column  // nil is the primary key alone
	index        string   // that the walk rests on; "" is none
	unique       string   // the unique index on the key that is already there
	refs         []reference
	refColumns   []column // all columns of the table that foreign keys point at
}

// add takes note of the next column and of its place in the primary key.
func (t *table) add(c column, place int) {
	c.place = place
	t.columns = append(t.columns, c)
	if place > 0 {
		t.primary = append(t.primary, c)
	}
}

// sortPrimary puts the primary key into its own order.
func (t *table) sortPrimary() {
	slices.SortFunc(t.primary, func(a, b column) int { return a.place - b.place })
}

// column finds a column as people write it: exactly, or else in other case when that
// is not ambiguous.
func (t *table) column(name string) (column, error) {
	var found []column
	var all []string
	for _, c := range t.columns {
		if c.name == name {
			return c, nil
		}
		if strings.EqualFold(c.name, name) {
			found = append(found, c)
		}
		all = append(all, c.name)
	}
	if len(found) != 1 {
		return column{}, usage("table %s has no column %q, it has %s", t.name, name, strings.Join(all, ", "))
	}
	return found[0], nil
}

func (t *table) columnsOf(names []string) (cols []column, err error) {
	for _, name := range names {
		c, err := t.column(name)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return cols, nil
}

func nullables(cols []column) (found []column) {
	for _, c := range cols {
		if c.nullable {
			found = append(found, c)
		}
	}
	return found
}

func names(cols []column) (all []string) {
	for _, c := range cols {
		all = append(all, c.name)
	}
	return all
}
