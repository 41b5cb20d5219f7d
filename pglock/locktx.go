package pglock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

// Tx is the caller's transaction: a pgx.Tx or a *pgxpool.Tx as it is, a *sql.Tx through
// SQLTx. LockTx does not commit it; the method is here so that a mere connection, where
// a lock would end with its own statement, is no Tx.
type Tx interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Commit(ctx context.Context) error
}

// SQLTx makes a Tx of a transaction of database/sql, whichever driver for PostgreSQL is
// behind it.
func SQLTx(tx *sql.Tx) Tx { return sqlTx{tx} }

type sqlTx struct{ tx *sql.Tx }

func (t sqlTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return t.tx.QueryRowContext(ctx, query, args...)
}

func (t sqlTx) Commit(context.Context) error { return t.tx.Commit() }

// TxWant is a lock that LockAllTx takes.
type TxWant struct {
	Name string
	// Shared admits other shared holders, and no exclusive one.
	Shared bool
}

// TxOption is a setting of LockTx and LockAllTx.
type TxOption func(*txOptions)

type txOptions struct {
	shared  bool
	bounded bool
	wait    time.Duration
}

// TxShared takes the lock together with other shared holders. It has no meaning for
// LockAllTx, where each TxWant says it.
func TxShared() TxOption { return func(o *txOptions) { o.shared = true } }

// TxNoWait answers at once: driver.ErrHeld when somebody else holds the lock.
func TxNoWait() TxOption { return TxWait(0) }

// TxWait waits for d at most, for all names together, and then answers driver.ErrHeld. d
// is exact to a millisecond.
func TxWait(d time.Duration) TxOption {
	return func(o *txOptions) { o.bounded, o.wait = true, max(d, 0) }
}

// LockTx takes the lock name in the caller's transaction, which holds it until it ends,
// by commit or by rollback, also when its client dies. Nothing has to be renewed or given
// back, and no table is needed. Such locks are the server's advisory locks: they exclude
// each other, and not those of New. Taking one again in the same transaction succeeds.
//
// It waits for the lock, first come first served. Without TxWait only ctx and the
// server's lock_timeout end that, and as with every statement that is interrupted the
// transaction is over then. With TxWait or TxNoWait the transaction goes on without the
// lock: driver.ErrHeld leaves it as it was, locks of LockAllTx included.
//
// Two transactions that wait for each other are found by the server after
// deadlock_timeout (SQLSTATE 40P01). LockAllTx avoids that among locks. A transaction that
// has a lock shared and asks for it exclusively waits for the others who have it, and
// two that do so for each other.
//
// To keep other writers out of several tables during an INSERT ... SELECT, every writer
// takes the tables' names first:
//
//	err := pglock.LockAllTx(ctx, tx, []pglock.TxWant{{Name: "fact.orders"}, {Name: "dim.users", Shared: true}})
//
// Under repeatable read and above, take the locks with the first statement of the
// transaction: later ones see what was there when the first began.
//
// Errors: driver.ErrHeld, driver.ErrInvalidName, and those of the transaction.
func LockTx(ctx context.Context, tx Tx, name string, opts ...TxOption) error {
	o := txOptionsOf(opts)
	if err := lockTx(ctx, tx, []TxWant{{Name: name, Shared: o.shared}}, o); err != nil {
		return fmt.Errorf("pglock: lock %q in a transaction: %w", name, err)
	}
	return nil
}

// LockAllTx takes several locks as LockTx does: all or, with TxWait or TxNoWait, none. It
// takes them in an order that is the same for all callers, and a name that is given twice
// once, exclusively if it is so once.
func LockAllTx(ctx context.Context, tx Tx, wants []TxWant, opts ...TxOption) error {
	if err := lockTx(ctx, tx, wants, txOptionsOf(opts)); err != nil {
		return fmt.Errorf("pglock: %d locks in a transaction: %w", len(wants), err)
	}
	return nil
}

func txOptionsOf(opts []TxOption) (o txOptions) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// txLock is an advisory lock to take.
type txLock struct {
	key    int64
	shared bool
}

// canonical returns the locks of wants in the order of their keys, each once.
func canonical(wants []TxWant) ([]txLock, error) {
	shared := make(map[int64]bool, len(wants))
	for _, want := range wants {
		if n := len(want.Name); n == 0 || n > 512 || !utf8.ValidString(want.Name) {
			return nil, fmt.Errorf("%q: want 1 to 512 bytes of UTF-8: %w", want.Name, driver.ErrInvalidName)
		}
		key := txKey(want.Name)
		before, twice := shared[key]
		shared[key] = want.Shared && (before || !twice)
	}
	locks := make([]txLock, 0, len(shared))
	for key, s := range shared {
		locks = append(locks, txLock{key, s})
	}
	slices.SortFunc(locks, func(a, b txLock) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return locks, nil
}

func lockTx(ctx context.Context, tx Tx, wants []TxWant, o txOptions) error {
	locks, err := canonical(wants)
	switch {
	case err != nil:
		return err
	case !o.bounded:
		for _, lock := range locks {
			if err := run(ctx, tx, lock.statement("pg_advisory_xact_lock"), lock.key); err != nil {
				return err
			}
		}
		return nil
	case o.wait == 0 && len(locks) == 1:
		return locks[0].try(ctx, tx)
	}
	return inSavepoint(ctx, tx, func() error {
		if o.wait == 0 {
			for _, lock := range locks {
				if err := lock.try(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		}
		return waitFor(ctx, tx, locks, o.wait)
	})
}

// waitFor takes locks within wait, with the server's lock_timeout: polling instead would
// have no place in its queue. The caller's value is put back; a rollback to the savepoint
// does that too, and frees a lock that was granted as the time was over.
func waitFor(ctx context.Context, tx Tx, locks []txLock, wait time.Duration) error {
	var before string
	if err := tx.QueryRow(ctx, "SELECT current_setting('lock_timeout')").Scan(&before); err != nil {
		return err
	}
	deadline := time.Now().Add(wait)
	for _, lock := range locks {
		left := max(time.Until(deadline), time.Millisecond) // 0 would be for ever
		if err := setLockTimeout(ctx, tx, millis(left)); err != nil {
			return err
		}
		err := run(ctx, tx, lock.statement("pg_advisory_xact_lock"), lock.key)
		if txState(err) == stateLockTimeout {
			return &driver.HeldError{}
		}
		if err != nil {
			return err
		}
	}
	return setLockTimeout(ctx, tx, before)
}

func setLockTimeout(ctx context.Context, tx Tx, value string) error {
	return run(ctx, tx, "SELECT set_config('lock_timeout', $1, true)", value)
}

// inSavepoint runs do such that the transaction goes on as it was when do fails.
func inSavepoint(ctx context.Context, tx Tx, do func() error) error {
	if err := run(ctx, tx, "SAVEPOINT pawl_lock"); err != nil {
		return err
	}
	err := do()
	if err != nil {
		if back := run(ctx, tx, "ROLLBACK TO SAVEPOINT pawl_lock"); back != nil {
			return errors.Join(err, back)
		}
	}
	return errors.Join(err, run(ctx, tx, "RELEASE SAVEPOINT pawl_lock"))
}

// try takes the lock if it is free.
func (l txLock) try(ctx context.Context, tx Tx) error {
	var got bool
	if err := tx.QueryRow(ctx, l.statement("pg_try_advisory_xact_lock"), l.key).Scan(&got); err != nil {
		return err
	}
	if !got {
		return &driver.HeldError{}
	}
	return nil
}

func (l txLock) statement(function string) string {
	if l.shared {
		function += "_shared"
	}
	return "SELECT " + function + "($1)"
}

// run runs a statement whose row, if there is one, does not matter.
func run(ctx context.Context, tx Tx, statement string, args ...any) error {
	var ignored any
	err := tx.QueryRow(ctx, statement, args...).Scan(&ignored)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// txState returns the SQLSTATE of err, whichever driver the caller uses.
func txState(err error) string {
	var failure interface{ SQLState() string }
	if errors.As(err, &failure) {
		return failure.SQLState()
	}
	return ""
}
