package rowlock_test

import (
	"testing"

	"github.com/pawl-go/pawl/rowlock"
)

// A key that no index begins with is refused, with the reason, and nothing is locked.
func TestKeyWithoutAnIndex(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		table := "keyless_" + databaseName() // what is known of a table is remembered by its name
		w.exec(t, "CREATE TABLE "+table+" (id INTEGER NOT NULL PRIMARY KEY, num BIGINT, state VARCHAR(20), version BIGINT NOT NULL)")
		w.exec(t, "CREATE INDEX "+table+"_state ON "+table+" (state)")
		w.exec(t, "INSERT INTO "+table+" VALUES (42, 10, 'new', 1)")
		row := rowlock.Row{Dialect: w.Dialect, Table: table, Key: "num", Value: 10}
		tx := w.tx(t)
		err := rowlock.For(t.Context(), tx.Conn, row, rowlock.Exclusive)
		want(t, "For", err, rowlock.ErrNoIndex)
		wantText(t, "For", err, map[rowlock.Dialect]string{
			rowlock.SQLite: "MySQL would lock it", rowlock.MySQL: "MySQL would lock every row", rowlock.MariaDB: "MariaDB would lock every row",
			rowlock.PostgreSQL: "PostgreSQL would read the whole table",
		}[w.Dialect])
		if w.Dialect != rowlock.SQLite {
			must(t, w.try(t, rowlock.Row{Table: table, Key: "id", Value: 42}, rowlock.Exclusive))
		}
		must(t, tx.Rollback())

		by := rowlock.Row{Dialect: w.Dialect, Table: table, Key: "state", Value: "new"} // an index, and not unique
		want(t, "Deduct", rowlock.Deduct(t.Context(), w.conn, by, "num", 1), rowlock.ErrNoIndex)
		by.Read = rowlock.Columns{"num": new(int)}
		want(t, "Update", rowlock.Update(t.Context(), w.conn, by, rowlock.Version("version"), func() error { return nil }), rowlock.ErrNoIndex)

		w.exec(t, "CREATE INDEX "+table+"_num ON "+table+" (num)") // adding it is enough
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, row, rowlock.Exclusive))
	})
}

// What kinds of index serve which key.
func TestIndexes(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.exec(t, "CREATE TABLE kinds (a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER NOT NULL, d VARCHAR(20) NOT NULL, e INTEGER NOT NULL, PRIMARY KEY (a, b))")
		w.exec(t, "INSERT INTO kinds VALUES (1, 1, 1, '1', 1)")
		switch w.Dialect {
		case rowlock.MySQL:
			w.exec(t, "ALTER TABLE kinds ADD UNIQUE KEY x (c) INVISIBLE, ADD UNIQUE KEY y (d(5)), ADD UNIQUE KEY z ((e + 1), e)")
		case rowlock.MariaDB:
			w.exec(t, "ALTER TABLE kinds ADD UNIQUE KEY x (c), ADD UNIQUE KEY y (d(5))")
			w.exec(t, "ALTER TABLE kinds ALTER INDEX x IGNORED")
		default:
			w.exec(t, "CREATE UNIQUE INDEX x ON kinds (c) WHERE c > 5")
			w.exec(t, "CREATE UNIQUE INDEX z ON kinds ((e + 1), e)")
		}
		for _, tt := range []struct {
			key           string
			and           map[string]any
			locks, writes bool
		}{
			{"a", nil, true, false},
			{"a", map[string]any{"b": 1}, true, true},
			{"b", map[string]any{"a": 1}, true, true},
			{"b", nil, false, false},
			{"c", nil, false, false}, // partial or invisible
			{"e", nil, false, false}, // behind an expression
		} {
			row := rowlock.Row{Dialect: w.Dialect, Table: "kinds", Key: tt.key, Value: 1, And: tt.and}
			if err := rowlock.Identifies(t.Context(), w.conn, row); (err == nil) != tt.writes {
				t.Errorf("a write by %s and %v: %v", tt.key, tt.and, err)
			}
			if err := w.try(t, row, rowlock.Exclusive); (err == nil) != tt.locks {
				t.Errorf("For by %s and %v: %v", tt.key, tt.and, err)
			}
		}
	})
}

// MySQL compares a text with a number as numbers, which no index serves.
func TestNumberForATextColumn(t *testing.T) {
	t.Parallel()
	for _, e := range engines[1:3] {
		w := e.open(t)
		w.exec(t, "CREATE TABLE coupon (code VARCHAR(20) PRIMARY KEY, num INT)")
		w.exec(t, "INSERT INTO coupon VALUES ('7', 1), ('8', 1)")
		row := rowlock.Row{Dialect: w.Dialect, Table: "coupon", Key: "code", Value: 7}
		err := rowlock.For(t.Context(), w.tx(t).Conn, row, rowlock.Exclusive)
		want(t, e.name, err, rowlock.ErrNoIndex)
		wantText(t, e.name, err, "want a string")
		row.Value = "7"
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, row, rowlock.Exclusive))
		row.Value = "8"
		must(t, w.try(t, row, rowlock.Exclusive))
	}
}

// Whatever a name contains, it is a name.
func TestNamesAreQuoted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		const table, key, column = "t`a\"b; DROP", "k e'y", "n`u\"m"
		quote := func(name string) string { return rowlock.Quote(w.Dialect, name) }
		w.exec(t, "CREATE TABLE "+quote(table)+" ("+quote(key)+" INTEGER NOT NULL PRIMARY KEY, "+quote(column)+" BIGINT, "+quote("ver`\"")+" BIGINT NOT NULL)")
		w.exec(t, "INSERT INTO "+quote(table)+" VALUES (42, 10, 1)")
		num := 0
		row := rowlock.Row{Dialect: w.Dialect, Table: table, Key: key, Value: 42, Read: rowlock.Columns{column: &num}}
		must(t, rowlock.Update(t.Context(), w.conn, row, rowlock.Version("ver`\""), func() error { num--; return nil }))
		must(t, rowlock.Deduct(t.Context(), w.conn, row, column, 1))
		must(t, w.try(t, row, rowlock.Exclusive))
		if num != 8 {
			t.Errorf("num is %d, want 8", num)
		}
		if w.Dialect == rowlock.SQLite {
			row.Table = "main." + table
			must(t, rowlock.Deduct(t.Context(), w.conn, row, column, 1))
		}
	})
}

func TestBadInput(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		nothing := func() error { return nil }
		update := func(row rowlock.Row, by rowlock.Guard) error {
			return rowlock.Update(t.Context(), w.conn, row, by, nothing)
		}
		lock := func(change func(row *rowlock.Row)) error {
			row := w.row(42, new(int))
			change(&row)
			return w.try(t, row, rowlock.Exclusive)
		}
		w.exec(t, "CREATE TABLE loose (id INTEGER NOT NULL PRIMARY KEY, num BIGINT, version BIGINT)")
		w.exec(t, "INSERT INTO loose VALUES (42, 10, NULL)")
		loose := w.row(42, new(int))
		loose.Table = "loose"
		for _, tt := range []struct {
			err  error
			text string
		}{
			{lock(func(r *rowlock.Row) { r.Table = "nowhere" }), "nowhere"},
			{lock(func(r *rowlock.Row) { r.Table = "" }), "a table without a name"},
			{lock(func(r *rowlock.Row) { r.Key = "" }), "a column without a name"},
			{lock(func(r *rowlock.Row) { r.Key = "idd" }), `no column "idd"`},
			{lock(func(r *rowlock.Row) { r.And = map[string]any{"posi": 1} }), `no column "posi"`},
			{lock(func(r *rowlock.Row) { r.And = map[string]any{"id": 1} }), "want it once"},
			{lock(func(r *rowlock.Row) { r.Value = nil }), "nil is equal to nothing"},
			{lock(func(r *rowlock.Row) { r.Read = rowlock.Columns{"numm": new(int)} }), `no column "numm"`},
			{lock(func(r *rowlock.Row) { r.Read = rowlock.Columns{"num": 5} }), "want a pointer"},
			{lock(func(r *rowlock.Row) { r.Table = "a\x00b" }), "zero byte"},
			{lock(func(r *rowlock.Row) { r.Dialect = 77 }), "Dialect(77)"},
			{update(w.row(42, nil), rowlock.Version("version")), "nothing to write"},
			{update(w.row(42, new(int)), rowlock.Version("num")), "take it out of Read"},
			{update(w.row(42, new(int)), rowlock.Version("")), "without a name"},
			{update(w.row(42, new(int)), rowlock.Version("verzion")), `no column "verzion"`},
			{update(w.row(42, new(int)), rowlock.Timestamp("state")), "cannot tell two writes apart"},
			{update(loose, rowlock.Version("version")), "NOT NULL"},
			{rowlock.Deduct(t.Context(), w.conn, w.row(42, nil), "num", 0), "want 1 or more"},
			{rowlock.Deduct(t.Context(), w.conn, w.row(42, nil), "numm", 1), `no column "numm"`},
			{rowlock.Add(t.Context(), w.conn, w.row(42, nil), "num", 0, rowlock.Limit{}), "cannot add 0"},
			{rowlock.Add(t.Context(), w.conn, w.row(42, nil), "num", 2, rowlock.AtMost(-1<<63)), "no number"},
		} {
			wantText(t, tt.text, tt.err, tt.text)
		}
		if got := w.num(t, 42); got != 10 {
			t.Errorf("num is %d, want 10", got)
		}
	})
}
