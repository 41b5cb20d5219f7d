package mysqllock_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/mysqllock"
)

func begin(tb testing.TB, db *sql.DB) *sql.Tx {
	tb.Helper()
	tx, err := db.BeginTx(tb.Context(), nil)
	must(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback() }) // the test may have ended it
	return tx
}

// prepared returns a database with the table and the rows of LockTx.
func (e engine) prepared(tb testing.TB, names ...string) *sql.DB {
	tb.Helper()
	_, db := e.database(tb)
	must(tb, mysqllock.PrepareTx(tb.Context(), db, names))
	return db
}

func TestLockTxExcludesUntilTheTransactionEnds(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "x")
		for what, end := range map[string]func(*sql.Tx) error{"commit": (*sql.Tx).Commit, "rollback": (*sql.Tx).Rollback} {
			first, second := begin(t, db), begin(t, db)
			must(t, mysqllock.LockTx(t.Context(), first, "x"))
			must(t, mysqllock.LockTx(t.Context(), first, "x")) // again
			for _, opt := range []mysqllock.TxOption{mysqllock.TxNoWait(), mysqllock.TxWait(time.Second)} {
				if err := mysqllock.LockTx(t.Context(), second, "x", opt); !errors.Is(err, driver.ErrHeld) {
					t.Errorf("beside a holder: %v, want ErrHeld", err)
				}
			}
			must(t, mysqllock.LockTx(t.Context(), second, "y")) // and it goes on
			must(t, end(first))
			if err := mysqllock.LockTx(t.Context(), second, "x", mysqllock.TxNoWait()); err != nil {
				t.Errorf("after %s: %v", what, err)
			}
			must(t, second.Rollback())
		}
	})
}

func TestLockTxShared(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "x")
		a, b, writer := begin(t, db), begin(t, db), begin(t, db)
		must(t, mysqllock.LockTx(t.Context(), a, "x", mysqllock.TxShared()))
		must(t, mysqllock.LockTx(t.Context(), b, "x", mysqllock.TxShared(), mysqllock.TxNoWait()))
		if err := mysqllock.LockTx(t.Context(), writer, "x", mysqllock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("a writer beside readers: %v", err)
		}
		must(t, a.Commit())
		must(t, b.Commit())
		must(t, mysqllock.LockTx(t.Context(), writer, "x", mysqllock.TxNoWait()))
		reader := begin(t, db)
		if err := mysqllock.LockTx(t.Context(), reader, "x", mysqllock.TxShared(), mysqllock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("a reader beside a writer: %v", err)
		}
	})
}

// Whoever has waited sees what the one before has committed, although the default is
// REPEATABLE READ.
func TestLockTxSeesWhatWasCommitted(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "stock")
		exec(t, db, "CREATE TABLE stock (n INT NOT NULL) ENGINE=InnoDB")
		exec(t, db, "INSERT INTO stock VALUES (1)")
		first, second := begin(t, db), begin(t, db)
		must(t, mysqllock.LockTx(t.Context(), first, "stock"))
		got := make(chan error, 1)
		var n int
		go func() {
			err := mysqllock.LockTx(t.Context(), second, "stock", mysqllock.TxWait(20*time.Second))
			if err == nil {
				err = second.QueryRowContext(t.Context(), "SELECT n FROM stock").Scan(&n)
			}
			got <- err
		}()
		_, err := first.ExecContext(t.Context(), "UPDATE stock SET n = 2")
		must(t, err)
		must(t, first.Commit())
		must(t, <-got)
		if n != 2 {
			t.Errorf("read %d, want what the holder before has committed", n)
		}
	})
}

// Several names in any order do not deadlock, and twice the same is once.
func TestLockAllTxOppositeOrders(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "a", "b", "c")
		errs := make(chan error, 2)
		for _, names := range [][]string{{"a", "b", "c"}, {"c", "b", "a", "b"}} {
			go func() {
				for range 20 {
					errs <- inTx(t.Context(), db, func(tx *sql.Tx) error { return mysqllock.LockAllTx(t.Context(), tx, names) })
				}
			}()
		}
		for range 40 {
			must(t, <-errs)
		}
	})
}

func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// The session is as it was: the caller's statements wait as long as before.
func TestLockTxSetsTheTimeoutBack(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "x")
		tx := begin(t, db)
		_, err := tx.ExecContext(t.Context(), "SET SESSION innodb_lock_wait_timeout = 7")
		must(t, err)
		must(t, mysqllock.LockTx(t.Context(), tx, "x", mysqllock.TxWait(1500*time.Millisecond)))
		other := begin(t, db)
		if err := mysqllock.LockTx(t.Context(), other, "x", mysqllock.TxWait(time.Millisecond)); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("got %v", err)
		}
		for _, tx := range []*sql.Tx{tx, other} {
			var seconds int
			must(t, tx.QueryRowContext(t.Context(), "SELECT @@innodb_lock_wait_timeout").Scan(&seconds))
			if tx != other && seconds != 7 || seconds == 1 {
				t.Errorf("innodb_lock_wait_timeout is now %d", seconds)
			}
		}
	})
}

// A name without a row works too; the row is there afterwards.
func TestLockTxOfANewName(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t)
		name := "odd \x00 \U0001F512 ` '"
		first, second := begin(t, db), begin(t, db)
		must(t, mysqllock.LockTx(t.Context(), first, name, mysqllock.TxShared()))
		err := mysqllock.LockTx(t.Context(), second, name, mysqllock.TxNoWait())
		if !errors.Is(err, driver.ErrHeld) {
			t.Errorf("a new name beside its holder: %v", err)
		}
		must(t, first.Commit())
		var rows int
		must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pawl_tx WHERE name = ?", []byte(name)).Scan(&rows))
		if rows != 1 {
			t.Errorf("%d rows of the new name", rows)
		}
	})
}

// A deadlock between two calls is told as what it is: the transaction is gone.
func TestLockTxDeadlock(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		db := e.prepared(t, "a", "b")
		first, second := begin(t, db), begin(t, db)
		must(t, mysqllock.LockTx(t.Context(), first, "a"))
		must(t, mysqllock.LockTx(t.Context(), second, "b"))
		errs := make(chan error, 2)
		go func() { errs <- mysqllock.LockTx(t.Context(), first, "b") }()
		go func() { errs <- mysqllock.LockTx(t.Context(), second, "a") }()
		one, other := <-errs, <-errs
		var failure *mysql.MySQLError
		if !errors.As(errors.Join(one, other), &failure) || failure.Number != 1213 || one != nil && other != nil {
			t.Errorf("got %v and %v, want one deadlock", one, other)
		}
	})
}

func TestLockTxRefuses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		_, db := e.database(t)
		tx := begin(t, db)
		for want, err := range map[string]error{
			"no table":      mysqllock.LockTx(t.Context(), tx, "x"),
			"back`quote":    mysqllock.LockTx(t.Context(), tx, "x", mysqllock.TxTable("back`quote")),
			"TxWait":        mysqllock.LockTx(t.Context(), tx, "x", mysqllock.TxWait(time.Second), mysqllock.TxNoWait()),
			"want 1 to 512": mysqllock.LockTx(t.Context(), tx, ""),
		} {
			refused(t, want, err)
		}
	})
}
