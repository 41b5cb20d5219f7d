package rowlock_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/rowlock"
)

// losingReply calls work; from sending on, replies are lost, and once the num of product
// 42 has changed the connections are cut.
func losingReply(t *testing.T, w *world, proxy *testserver.Proxy, work func(sending func()) error) error {
	t.Helper()
	before, got := w.num(t, 42), make(chan error, 1)
	go func() { got <- work(func() { proxy.DropReplies(true) }) }()
	eventually(t, "the write has happened", func() bool { return w.num(t, 42) != before })
	proxy.Cut()
	return <-got
}

// A COMMIT whose reply is lost is ambiguous, and is not run again.
func TestLostReplyOfACommit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "it has no connection to lose")
		through, proxy := w.through(t)
		calls := 0
		err := losingReply(t, w, proxy, func(sending func()) error {
			return through.retry(t.Context(), func(tx rowlock.Conn) error {
				calls++
				err := rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", 1)
				sending()
				return err
			})
		})
		want(t, "Retry", err, rowlock.ErrAmbiguous)
		if got := w.num(t, 42); calls != 1 || got != 9 {
			t.Errorf("%d calls and num %d, want 1 and 9", calls, got)
		}
	})
}

// A connection that is lost before the COMMIT leaves nothing open.
func TestLostConnectionBeforeTheCommit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "it has no connection to lose")
		through, proxy := w.through(t)
		err := through.retry(t.Context(), func(tx rowlock.Conn) error {
			must(t, rowlock.For(t.Context(), tx, w.row(42, nil), rowlock.Exclusive))
			proxy.Cut()
			return rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", 1)
		})
		if err == nil || errors.Is(err, rowlock.ErrAmbiguous) {
			t.Errorf("%v, want an error that is not %v", err, rowlock.ErrAmbiguous)
		}
		if got := w.num(t, 42); got != 10 {
			t.Errorf("num is %d, want 10", got)
		}
	})
}

// Two that take two rows in opposite order deadlock; one is run again, and both end.
func TestOppositeOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "one lock for all has no order")
		var all sync.WaitGroup
		var mu sync.Mutex
		calls, both := 0, make(chan struct{})
		for _, order := range [][]int{{42, 43}, {43, 42}} {
			all.Go(func() {
				first := true
				err := w.retry(t.Context(), func(tx rowlock.Conn) error {
					if err := rowlock.Deduct(t.Context(), tx, w.row(order[0], nil), "num", 1); err != nil {
						return err
					}
					mu.Lock()
					if calls++; calls == 2 {
						close(both)
					}
					mu.Unlock()
					if first { // each has its first row before either wants its second
						first = false
						<-both
					}
					return rowlock.Deduct(t.Context(), tx, w.row(order[1], nil), "num", 1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if a, b := w.num(t, 42), w.num(t, 43); a != 8 || b != 18 || calls < 3 {
			t.Errorf("nums %d and %d after %d calls, want 8, 18 and 3 or more", a, b, calls)
		}
	})
}

// A lock timeout of the server's is run again, with all that went before it undone;
// MySQL itself undoes the statement alone.
func TestLockTimeoutIsRunAgain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.except(t, rowlock.SQLite, "see TestRetrySQLite")
		set := "SET SESSION innodb_lock_wait_timeout = 1"
		if w.Dialect == rowlock.PostgreSQL {
			set = "SET LOCAL lock_timeout = '100ms'"
		}
		holder, calls := w.tx(t), 0
		must(t, rowlock.For(t.Context(), holder.Conn, w.row(43, nil), rowlock.Exclusive))
		must(t, w.retry(t.Context(), func(tx rowlock.Conn) error {
			if _, err := tx.ExecContext(t.Context(), set); err != nil {
				return err
			}
			if err := rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", 1); err != nil {
				return err
			}
			if calls++; calls == 2 {
				must(t, holder.Rollback())
			}
			return rowlock.For(t.Context(), tx, w.row(43, nil), rowlock.Exclusive)
		}))
		if got := w.num(t, 42); calls != 2 || got != 9 {
			t.Errorf("%d calls and num %d, want 2 and 9", calls, got)
		}
	})
}

// What the caller did not want to wait for is an answer.
func TestNoWaitIsNotRunAgain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		calls := 0
		must(t, rowlock.For(t.Context(), w.tx(t).Conn, w.row(42, nil), rowlock.Exclusive))
		err := w.retry(t.Context(), func(tx rowlock.Conn) error {
			calls++
			return rowlock.For(t.Context(), tx, w.row(42, nil), rowlock.Exclusive.NoWait())
		})
		want(t, "Retry", err, rowlock.ErrHeld)
		if calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
}

func TestRetryIsBounded(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		calls := 0
		err := w.retry(t.Context(), func(tx rowlock.Conn) error {
			calls++
			must(t, rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", 1))
			return rowlock.ErrConflict
		}, rowlock.Attempts(3))
		want(t, "Retry", err, rowlock.ErrConflict)
		if got := w.num(t, 42); calls != 3 || got != 10 {
			t.Errorf("%d calls and num %d, want 3 and 10", calls, got)
		}
	})
}

// What fn returns for its own reasons, and its panic, undo everything.
func TestRetryUndoes(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		mine := errors.New("mine")
		write := func(tx rowlock.Conn) { must(t, rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", 1)) }
		if err := w.retry(t.Context(), func(tx rowlock.Conn) error { write(tx); return mine }); err != mine {
			t.Errorf("%v, want the error itself", err)
		}
		func() {
			defer func() {
				if recover() != "panic" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = w.retry(t.Context(), func(tx rowlock.Conn) error { write(tx); panic("panic") })
		}()
		ctx, cancel := context.WithCancel(t.Context())
		err := w.retry(ctx, func(tx rowlock.Conn) error { write(tx); cancel(); return nil })
		want(t, "after the end of ctx", err, context.Canceled)
		if got := w.num(t, 42); got != 10 || errors.Is(err, rowlock.ErrAmbiguous) {
			t.Errorf("num is %d, want 10; %v", got, err)
		}
		must(t, w.try(t, w.row(42, nil), rowlock.Exclusive))
	})
}

// SQLite: a transaction whose snapshot is out of date when it wants to write is run again.
func TestRetrySQLite(t *testing.T) {
	t.Parallel()
	w := openSQLite(t)
	w.exec(t, "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER)")
	w.exec(t, "INSERT INTO stock VALUES (42, 10)")
	calls, num := 0, 0
	must(t, w.retry(t.Context(), func(tx rowlock.Conn) error {
		must(t, rowlock.QueryOne(t.Context(), tx, "SELECT num FROM stock", &num))
		if calls++; calls == 1 {
			w.exec(t, "UPDATE stock SET num = 8")
		}
		return rowlock.Deduct(t.Context(), tx, w.row(42, nil), "num", int64(num/2))
	}))
	if got := w.num(t, 42); calls != 2 || got != 4 {
		t.Errorf("%d calls and num %d, want 2 and 4", calls, got)
	}
}

// PostgreSQL: a serialization failure is run again.
func TestSerializationFailureIsRunAgain(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		if !slices.Contains([]string{"postgres", "pgx"}, e.name) {
			continue
		}
		w := e.open(t)
		w.exec(t, "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER)")
		w.exec(t, "INSERT INTO stock VALUES (42, 10)")
		calls, num := 0, 0
		must(t, w.retry(t.Context(), func(tx rowlock.Conn) error {
			if _, err := tx.ExecContext(t.Context(), "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"); err != nil {
				return err
			}
			must(t, rowlock.QueryOne(t.Context(), tx, "SELECT num FROM stock", &num))
			if calls++; calls == 1 {
				w.exec(t, "UPDATE stock SET num = 8")
			}
			return rowlock.For(t.Context(), tx, w.row(42, nil), rowlock.Exclusive)
		}))
		if calls != 2 || num != 8 {
			t.Errorf("%s: %d calls, num %d, want 2 and 8", e.name, calls, num)
		}
	}
}
