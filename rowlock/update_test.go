package rowlock_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pawl-go/pawl/rowlock"
)

// guards are the two kinds of version.
var guards = map[string]rowlock.Guard{"version": rowlock.Version("version"), "timestamp": rowlock.Timestamp("changed")}

func onEveryGuard(t *testing.T, test func(t *testing.T, w *world, by rowlock.Guard)) {
	t.Helper()
	onEveryEngine(t, func(t *testing.T, w *world) {
		for name, by := range guards {
			t.Run(name, func(t *testing.T) {
				w.exec(t, "UPDATE stock SET num = 10 WHERE id = 42")
				test(t, w, by)
			})
		}
	})
}

// The race that a plain read and write loses: of n raises by one, every one counts.
func TestUpdateLosesNothing(t *testing.T) {
	onEveryGuard(t, func(t *testing.T, w *world, by rowlock.Guard) {
		const workers, each = 4, 5
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range each {
					num := 0
					must := func() error {
						return rowlock.Update(t.Context(), w.conn, w.row(42, &num), by, func() error { num++; return nil }, rowlock.Attempts(100))
					}
					if err := must(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := w.num(t, 42); got != 10+workers*each {
			t.Errorf("num is %d, want %d", got, 10+workers*each)
		}
	})
}

// A row that somebody else writes each time is given up, unchanged by us.
func TestUpdateConflictsAreBounded(t *testing.T) {
	onEveryGuard(t, func(t *testing.T, w *world, by rowlock.Guard) {
		num, calls, other := 0, 0, 0
		err := rowlock.Update(t.Context(), w.conn, w.row(42, &num), by, func() error {
			calls++
			must(t, rowlock.Update(t.Context(), w.conn, w.row(42, &other), by, func() error { other += 100; return nil }))
			num = 0
			return nil
		}, rowlock.Attempts(3))
		want(t, "Update", err, rowlock.ErrConflict)
		wantText(t, "Update", err, "after 3 attempts")
		if got := w.num(t, 42); calls != 3 || got != 310 {
			t.Errorf("%d calls and num %d, want 3 and 310", calls, got)
		}
	})
}

// Writing what is there already is no conflict, and moves the version.
func TestUpdateThatChangesNothing(t *testing.T) {
	onEveryGuard(t, func(t *testing.T, w *world, by rowlock.Guard) {
		num := 0
		for range 3 {
			must(t, rowlock.Update(t.Context(), w.conn, w.row(42, &num), by, func() error { return nil }, rowlock.Attempts(1)))
		}
	})
}

// A clock that is behind the last write does not stand still.
func TestTimestampRises(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		future := "'2100-01-01 00:00:00'"
		if w.Dialect == rowlock.SQLite {
			future = "4102444800000000"
		}
		w.exec(t, "UPDATE stock SET changed = "+future)
		num := 0
		for range 3 {
			must(t, rowlock.Update(t.Context(), w.conn, w.row(42, &num), rowlock.Timestamp("changed"), func() error { return nil }))
		}
		micros := map[rowlock.Dialect]string{
			rowlock.SQLite:     "changed - " + future,
			rowlock.PostgreSQL: "CAST(EXTRACT(epoch FROM changed - " + future + ") * 1000000 AS bigint)",
		}[w.Dialect]
		if micros == "" {
			micros = "TIMESTAMPDIFF(MICROSECOND, " + future + ", changed)"
		}
		var rose int
		must(t, w.db.QueryRowContext(t.Context(), "SELECT "+micros+" FROM stock WHERE id = 42").Scan(&rose))
		if rose != 3 {
			t.Errorf("after three writes it is %d microseconds later, want 3", rose)
		}
	})
}

func TestUpdateEndsWithTheErrorOfFn(t *testing.T) {
	onEveryGuard(t, func(t *testing.T, w *world, by rowlock.Guard) {
		num, calls := 0, 0
		err := rowlock.Update(t.Context(), w.conn, w.row(42, &num), by, func() error {
			calls++
			num = 0
			return rowlock.ErrRefused
		})
		want(t, "Update", err, rowlock.ErrRefused)
		if got := w.num(t, 42); calls != 1 || got != 10 {
			t.Errorf("%d calls and num %d, want 1 and 10", calls, got)
		}
	})
}

// In a transaction a conflict ends at once, and Retry runs the whole again.
func TestUpdateInATransaction(t *testing.T) {
	onEveryGuard(t, func(t *testing.T, w *world, by rowlock.Guard) {
		w.except(t, rowlock.SQLite, "a write beside a transaction that has read ends it with SQLITE_BUSY_SNAPSHOT, see TestRetrySQLite")
		num, other, calls := 0, 0, 0
		must(t, w.retry(t.Context(), func(tx rowlock.Conn) error {
			return rowlock.Update(t.Context(), tx, w.row(42, &num), by, func() error {
				if calls++; calls == 1 {
					must(t, rowlock.Update(t.Context(), w.conn, w.row(42, &other), by, func() error { other++; return nil }))
				}
				num++
				return nil
			})
		}))
		if got := w.num(t, 42); calls != 2 || got != 12 {
			t.Errorf("%d calls and num %d, want 2 and 12", calls, got)
		}
	})
}

func TestDeductStopsAtZero(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		var sold, refused atomic.Int64
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				for range 3 {
					switch err := rowlock.Deduct(t.Context(), w.conn, w.row(42, nil), "num", 1); {
					case err == nil:
						sold.Add(1)
					case errors.Is(err, rowlock.ErrRefused):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := w.num(t, 42); got != 0 || sold.Load() != 10 || refused.Load() != 5 {
			t.Errorf("num %d, %d sold and %d refused, want 0, 10 and 5", got, sold.Load(), refused.Load())
		}
		wantText(t, "Deduct", rowlock.Deduct(t.Context(), w.conn, w.row(43, nil), "num", 21), `refused: column "num" is 20`)
		want(t, "NULL", rowlock.Deduct(t.Context(), w.conn, w.row(44, nil), "num", 1), rowlock.ErrRefused)
		want(t, "no row", rowlock.Deduct(t.Context(), w.conn, w.row(1, nil), "num", 1), rowlock.ErrNoRow)
		want(t, "Update of no row", rowlock.Update(t.Context(), w.conn, w.row(1, new(int)), rowlock.Version("version"), func() error { return nil }), rowlock.ErrNoRow)
	})
}

func TestAddWithinLimits(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		add := func(n int64, limit rowlock.Limit) error {
			return rowlock.Add(t.Context(), w.conn, w.row(42, nil), "num", n, limit)
		}
		must(t, add(5, rowlock.AtMost(15)))
		want(t, "one too many", add(1, rowlock.AtMost(15)), rowlock.ErrRefused)
		must(t, add(-20, rowlock.AtLeast(-5)))
		want(t, "one too few", add(-1, rowlock.AtLeast(-5)), rowlock.ErrRefused)
		must(t, add(1, rowlock.Limit{}))
		if got := w.num(t, 42); got != -4 {
			t.Errorf("num is %d, want -4", got)
		}
	})
}

// MySQL: num - 3 of an UNSIGNED 2 is an error, and must be a refusal.
func TestDeductFromUnsigned(t *testing.T) {
	t.Parallel()
	for _, e := range engines[1:3] {
		w := e.open(t)
		w.exec(t, "CREATE TABLE quota (id INT PRIMARY KEY, num BIGINT UNSIGNED NOT NULL)")
		w.exec(t, "INSERT INTO quota VALUES (42, 2)")
		row := rowlock.Row{Dialect: w.Dialect, Table: "quota", Key: "id", Value: 42}
		want(t, e.name, rowlock.Deduct(t.Context(), w.conn, row, "num", 3), rowlock.ErrRefused)
		must(t, rowlock.Deduct(t.Context(), w.conn, row, "num", 2))
	}
}

// A write whose reply is lost is ambiguous, and is not sent again.
func TestLostReplyOfAWrite(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "it has no connection to lose")
		writes := map[string]func(w *world, sending func()) error{
			"Update": func(w *world, sending func()) error {
				num := 0
				return rowlock.Update(t.Context(), w.conn, w.row(42, &num), rowlock.Version("version"), func() error { num--; sending(); return nil })
			},
			"Deduct": func(w *world, sending func()) error {
				must(t, rowlock.Add(t.Context(), w.conn, w.row(43, nil), "num", 1, rowlock.Limit{})) // has the connection and the catalogue
				sending()
				return rowlock.Deduct(context.WithoutCancel(t.Context()), w.conn, w.row(42, nil), "num", 1)
			},
		}
		for name, write := range writes {
			through, proxy := w.through(t)
			for range 2 { // pgx's database/sql pings a connection when it is used again first
				must(t, through.db.PingContext(t.Context()))
			}
			before := w.num(t, 42)
			err := losingReply(t, w, proxy, func(sending func()) error { return write(through, sending) })
			want(t, name, err, rowlock.ErrAmbiguous)
			if got := w.num(t, 42); got != before-1 {
				t.Errorf("%s: num is %d, want %d", name, got, before-1)
			}
		}
	})
}
