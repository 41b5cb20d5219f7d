package rowlock_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl/rowlock"
)

func TestForKeepsOthersOut(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		tx, num := w.tx(t), 0
		must(t, rowlock.For(t.Context(), tx.Conn, w.row(42, &num), rowlock.Exclusive))
		if num != 10 {
			t.Errorf("num is %d, want 10", num)
		}
		for _, mode := range []rowlock.Mode{rowlock.Exclusive, rowlock.NoKeyUpdate, rowlock.Shared} {
			want(t, "another", w.try(t, w.row(42, nil), mode), rowlock.ErrHeld)
		}
		if w.Dialect != rowlock.SQLite {
			must(t, w.try(t, w.row(43, nil), rowlock.Exclusive))
		}
		must(t, tx.Commit())
		must(t, w.try(t, w.row(42, nil), rowlock.Exclusive))
	})
}

func TestStrengths(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "it has one write lock only")
		w.exec(t, "CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, stock_id INTEGER NOT NULL REFERENCES stock (id))")
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, w.row(42, nil), rowlock.Shared))
		must(t, w.try(t, w.row(42, nil), rowlock.Shared))
		want(t, "a writer beside a reader", w.try(t, w.row(42, nil), rowlock.NoKeyUpdate), rowlock.ErrHeld)

		must(t, rowlock.For(t.Context(), w.tx(t).Conn, w.row(43, nil), rowlock.NoKeyUpdate))
		if w.Dialect == rowlock.PostgreSQL { // elsewhere it is the stronger lock, and this would wait
			w.exec(t, "INSERT INTO item VALUES (1, 43)")
		}
	})
}

// A waiter waits in the server until the holder's transaction ends, and what it then sees
// is what the holder has left: also by a plain SELECT, so that neither the dialect nor the
// catalogue was asked in a way that began a snapshot.
func TestForWaitsAndSeesTheLatest(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		table := "stock_" + databaseName() // not in the catalogue's cache
		w.exec(t, "CREATE TABLE "+table+" (id INTEGER NOT NULL PRIMARY KEY, num BIGINT)")
		w.exec(t, "INSERT INTO "+table+" VALUES (42, 10)")
		row := rowlock.Row{Table: table, Key: "id", Value: 42}
		holder := w.tx(t)
		must(t, rowlock.For(t.Context(), holder.Conn, row, rowlock.Exclusive))

		waiter, got := w.tx(t), make(chan error, 1)
		rowlock.Forget() // the waiter asks the catalogue itself
		go func() { got <- rowlock.For(t.Context(), waiter.Conn, row, rowlock.Exclusive) }()
		w.awaitWaiter(t, table)
		_, err := holder.ExecContext(t.Context(), "UPDATE "+table+" SET num = 9")
		must(t, err)
		must(t, holder.Commit())
		must(t, <-got)
		if num := readIn(t, waiter, "SELECT num FROM "+table); num != 9 {
			t.Errorf("num is %d after the lock, want 9", num)
		}
	})
}

// awaitWaiter waits until the server says that somebody waits for a lock on table.
func (w *world) awaitWaiter(t *testing.T, table string) {
	t.Helper()
	query := map[rowlock.Dialect]string{
		rowlock.MySQL: "SELECT COUNT(*) FROM performance_schema.data_lock_waits w JOIN performance_schema.data_locks l " +
			"ON l.engine_lock_id = w.requesting_engine_lock_id WHERE l.object_name = '%s'",
		rowlock.MariaDB:    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%%%s%%'",
		rowlock.PostgreSQL: "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%%s%%' AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)",
	}[w.Dialect]
	if query == "" {
		return // SQLite's waiter asks again and again, and nobody keeps a list of them
	}
	eventually(t, "somebody waits for "+table, func() bool {
		if w.Dialect == rowlock.MariaDB {
			time.Sleep(150 * time.Millisecond) // its list is renewed when nobody has read it for 100 ms
		}
		var n int
		must(t, w.db.QueryRowContext(t.Context(), fmt.Sprintf(query, table)).Scan(&n))
		return n > 0
	})
}

// readIn reads a number in a transaction, through the client under test.
func readIn(t *testing.T, tx transaction, query string) (n int) {
	t.Helper()
	must(t, rowlock.QueryOne(t.Context(), tx.Conn, query, &n))
	return n
}

func TestBoundedWait(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		const bound = 200 * time.Millisecond
		holder := w.tx(t)
		must(t, rowlock.For(t.Context(), holder.Conn, w.row(42, nil), rowlock.Exclusive))
		for _, mode := range []rowlock.Mode{rowlock.Exclusive, rowlock.Shared} {
			tx, from := w.tx(t), time.Now()
			err := rowlock.For(t.Context(), tx.Conn, w.row(42, nil), mode.Wait(bound))
			took := time.Since(from)
			want(t, "a row that stays held", err, rowlock.ErrHeld)
			if took < bound || took > 10*time.Second {
				t.Errorf("waited for %v, want %v", took, bound)
			}
			must(t, tx.Rollback())
		}
		must(t, holder.Rollback())
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, w.row(42, nil), rowlock.Shared.Wait(time.Minute)))
		want(t, "Wait(0)", rowlock.For(t.Context(), w.tx(t).Conn, w.row(42, nil), rowlock.Exclusive.Wait(0)), rowlock.ErrHeld)
	})
}

// What was set for the wait is put back.
func TestBoundedWaitLeavesTheSessionAsItWas(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		show := map[rowlock.Dialect]string{
			rowlock.SQLite: "PRAGMA busy_timeout", rowlock.MySQL: "SELECT @@max_execution_time",
			rowlock.MariaDB: "SELECT CAST(@@max_statement_time * 1000 AS UNSIGNED)", rowlock.PostgreSQL: "SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'",
		}[w.Dialect]
		tx := w.tx(t)
		before := readIn(t, tx, show)
		must(t, rowlock.For(t.Context(), tx.Conn, w.row(42, nil), rowlock.Exclusive.Wait(time.Second)))
		if after := readIn(t, tx, show); after != before {
			t.Errorf("%s is %d, was %d", show, after, before)
		}
	})
}

func TestSkipLockedTakesAnother(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "nobody else can have a row")
		seen := make(map[int]bool)
		take := func(mode rowlock.Mode) error {
			id := 0
			row := rowlock.Row{Dialect: w.Dialect, Table: "stock", Key: "state", Value: "new", Read: rowlock.Columns{"id": &id}}
			err := rowlock.For(t.Context(), w.tx(t).Conn, row, mode)
			if err == nil && seen[id] {
				t.Errorf("%d was taken twice", id)
			}
			seen[id] = true
			return err
		}
		for range 3 {
			must(t, take(rowlock.Exclusive.SkipLocked()))
		}
		want(t, "the fourth of three", take(rowlock.Exclusive.SkipLocked()), rowlock.ErrNoRow)
		want(t, "readers too", take(rowlock.Shared.SkipLocked()), rowlock.ErrNoRow)
	})
}

func TestSkipLockedOnSQLite(t *testing.T) {
	t.Parallel()
	w := openSQLite(t)
	w.exec(t, "CREATE TABLE job (id INTEGER PRIMARY KEY, state TEXT)")
	w.exec(t, "CREATE INDEX by_state ON job (state)")
	w.exec(t, "INSERT INTO job VALUES (1, 'new'), (2, 'new')")
	id := 0
	row := rowlock.Row{Dialect: w.Dialect, Table: "job", Key: "state", Value: "new", Read: rowlock.Columns{"id": &id}}
	must(t, rowlock.For(t.Context(), w.tx(t).Conn, row, rowlock.Exclusive.SkipLocked()))
	if id == 0 {
		t.Error("no job was read")
	}
}

// A key of several columns, and one that many rows have.
func TestForSeveralColumnsAndSeveralRows(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.exec(t, "CREATE TABLE line (shop INTEGER NOT NULL, pos INTEGER NOT NULL, num BIGINT, PRIMARY KEY (shop, pos))")
		w.exec(t, "INSERT INTO line VALUES (1, 1, 10), (1, 2, 20), (2, 1, 30)")
		num := 0
		row := rowlock.Row{Dialect: w.Dialect, Table: "line", Key: "shop", Value: 1, And: map[string]any{"pos": 2}, Read: rowlock.Columns{"num": &num}}
		tx := w.tx(t)
		must(t, rowlock.For(t.Context(), tx.Conn, row, rowlock.Exclusive))
		if num != 20 {
			t.Errorf("num is %d, want 20", num)
		}
		must(t, tx.Rollback())

		all := rowlock.Row{Dialect: w.Dialect, Table: "line", Key: "shop", Value: 1}
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, all, rowlock.Exclusive))
		want(t, "the second of them", w.try(t, row, rowlock.Exclusive), rowlock.ErrHeld)
		all.Table, all.Key, all.Value = "stock", "state", "new"
		all.Read = rowlock.Columns{"id": &num}
		if w.Dialect != rowlock.SQLite {
			wantText(t, "two rows into one variable", rowlock.For(t.Context(), w.tx(t).Conn, all, rowlock.Exclusive), "rows have this key")
		}
	})
}

func TestForOutsideATransaction(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		wantText(t, "a pool", rowlock.For(t.Context(), w.conn, w.row(42, nil), rowlock.Exclusive), "want a transaction")
	})
}

func TestNoRow(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		num := 0
		want(t, "For", rowlock.For(t.Context(), w.tx(t).Conn, w.row(1, &num), rowlock.Exclusive), rowlock.ErrNoRow)
	})
}

// SQLite: what a deferred transaction has read is out of date when another has written.
func TestSQLiteOutdatedSnapshot(t *testing.T) {
	t.Parallel()
	w := openSQLite(t)
	w.exec(t, "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER)")
	w.exec(t, "INSERT INTO stock VALUES (42, 10)")
	tx := w.tx(t)
	readIn(t, tx, "SELECT num FROM stock")
	w.exec(t, "UPDATE stock SET num = 9")
	want(t, "after another's write", rowlock.For(t.Context(), tx.Conn, w.row(42, nil), rowlock.Exclusive), rowlock.ErrConflict)
}

func TestDetect(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		got, err := rowlock.Detect(t.Context(), w.conn)
		if err != nil || got != w.Dialect {
			t.Errorf("Detect: %v, %v, want %v", got, err, w.Dialect)
		}
		tx, row := w.tx(t), w.row(42, nil)
		row.Dialect = 0
		must(t, rowlock.For(t.Context(), tx.Conn, row, rowlock.Exclusive))
	})
}
