package mysqllock

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// DefaultTxTable is the table in which LockTx locks rows.
const DefaultTxTable = "pawl_tx"

// TxOption is a setting of one LockTx.
type TxOption func(*txLock)

// txLock is what a LockTx asks for.
type txLock struct {
	table  string
	shared bool
	noWait bool
	wait   time.Duration // 0: as long as the session's innodb_lock_wait_timeout says
}

// TxShared asks for a lock that others may share, and that excludes those who do not.
func TxShared() TxOption { return func(l *txLock) { l.shared = true } }

// TxNoWait answers at once: driver.ErrHeld when another transaction has the lock.
func TxNoWait() TxOption { return func(l *txLock) { l.noWait = true } }

// TxWait bounds the waiting for each name, in whole seconds, rounded up. Without it, the
// session's innodb_lock_wait_timeout does, which is 50 s where nobody has set it.
func TxWait(wait time.Duration) TxOption { return func(l *txLock) { l.wait = wait } }

// TxTable names another table than DefaultTxTable.
func TxTable(table string) TxOption { return func(l *txLock) { l.table = table } }

// PrepareTx makes the table that LockTx needs and a row for each of names, where they are
// missing. It belongs where the program starts. db is used for that alone, outside of any
// transaction; of the options, TxTable counts.
//
// LockTx makes the row of a name that it does not find in the caller's transaction. That
// is safe too, but the first lock of the name is an exclusive one then, and two first ones
// at the same time may deadlock.
func PrepareTx(ctx context.Context, db *sql.DB, names []string, opts ...TxOption) error {
	l, err := newTxLock(opts)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, l.text("tx_schema")); err != nil {
		return fmt.Errorf("mysqllock: table %s: %w", l.table, unavailable(err))
	}
	for _, name := range canonical(names) {
		if _, err := db.ExecContext(ctx, l.text("tx_insert"), []byte(name)); err != nil {
			return fmt.Errorf("mysqllock: a row for %q: %w", name, unavailable(err))
		}
	}
	return nil
}

// LockTx takes the lock called name for the transaction tx, which has it until it ends, by
// commit, rollback or a lost connection. Nothing else ends it: it has no TTL, needs no
// renewal and has no token. It excludes other transactions that take it, and neither those
// that do not, nor the locks of New.
//
// It should be the first statement of tx: under REPEATABLE READ, the default, what tx has
// read before fixes what it sees, which is then older than the lock. Asking again for what
// tx has returns at once.
//
// Errors: driver.ErrHeld when another transaction has the lock, and the wait for it, or
// TxNoWait, is over. tx goes on then, without this lock, unless the server is set to
// innodb_rollback_on_timeout. A deadlock, for which errors.As finds a *mysql.MySQLError
// with number 1213, has rolled tx back: run it again. When ctx ends while it waits, the
// connection is closed, and tx with it.
func LockTx(ctx context.Context, tx *sql.Tx, name string, opts ...TxOption) error {
	return LockAllTx(ctx, tx, []string{name}, opts...)
}

// LockAllTx takes several locks for tx, as LockTx does one: each once and in one order for
// everybody, so that those who ask for the same names in another order do not deadlock.
// That holds within one call only. After an error tx may have some of them.
func LockAllTx(ctx context.Context, tx *sql.Tx, names []string, opts ...TxOption) error {
	l, err := newTxLock(opts)
	if err != nil {
		return err
	}
	names = canonical(names)
	for _, name := range names {
		if name == "" || len(name) > 512 {
			return fmt.Errorf("mysqllock: a name of %d bytes: want 1 to 512: %w", len(name), driver.ErrInvalidName)
		}
	}
	return l.bounded(ctx, tx, func() error {
		for _, name := range names {
			if err := l.take(ctx, tx, name); err != nil {
				return fmt.Errorf("mysqllock: lock %q in a transaction: %w", name, txError(err))
			}
		}
		return nil
	})
}

func newTxLock(opts []TxOption) (*txLock, error) {
	l := &txLock{table: DefaultTxTable}
	for _, opt := range opts {
		opt(l)
	}
	if l.wait < 0 || l.wait > 0 && l.noWait {
		return nil, fmt.Errorf("mysqllock: TxWait(%v): want more than 0, and no TxNoWait: %w", l.wait, driver.ErrInvalidOption)
	}
	if err := checkTable(l.table); err != nil {
		return nil, fmt.Errorf("mysqllock: %w", err)
	}
	return l, nil
}

func (l *txLock) text(name string) string {
	return strings.ReplaceAll(statement(name), "{tx}", quote(l.table))
}

// canonical returns names sorted, each once.
func canonical(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// bounded runs do with the session's lock wait set to l.wait, and sets it back.
func (l *txLock) bounded(ctx context.Context, tx *sql.Tx, do func() error) error {
	if l.wait == 0 {
		return do()
	}
	var before int64
	if err := tx.QueryRowContext(ctx, "SELECT @@innodb_lock_wait_timeout").Scan(&before); err != nil {
		return fmt.Errorf("mysqllock: the lock wait timeout: %w", txError(err))
	}
	set := func(seconds int64) error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d", seconds))
		return err
	}
	if err := set(int64((l.wait + time.Second - 1) / time.Second)); err != nil {
		return fmt.Errorf("mysqllock: the lock wait timeout: %w", txError(err))
	}
	err := do()
	if resetErr := set(before); err == nil && resetErr != nil {
		return fmt.Errorf("mysqllock: the lock wait timeout: %w", txError(resetErr))
	}
	return err
}

// take locks the row of name. A plain read would fix the snapshot of tx before it has the
// lock: every read here locks.
func (l *txLock) take(ctx context.Context, tx *sql.Tx, name string) error {
	if l.shared || l.noWait {
		query := l.text("tx_select") + l.mode()
		var one int
		err := tx.QueryRowContext(ctx, query, []byte(name)).Scan(&one)
		if err == nil || err != sql.ErrNoRows {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, l.text("tx_insert"), []byte(name))
	return err
}

// mode is how the row is locked: in words that both engines know, since MariaDB has no FOR
// SHARE and MySQL no LOCK IN SHARE MODE NOWAIT, which the comment hides from it.
func (l *txLock) mode() string {
	switch {
	case !l.shared:
		return " FOR UPDATE NOWAIT"
	case !l.noWait:
		return " LOCK IN SHARE MODE"
	}
	return " /*M! LOCK IN SHARE MODE NOWAIT */ /*!80000 FOR SHARE NOWAIT */"
}

// txError says whether somebody has the lock.
func txError(err error) error {
	switch number(err) {
	case errLockWait, errNoWait:
		return fmt.Errorf("%w: %w", driver.ErrHeld, oneLine{err})
	case errDeadlock:
		return fmt.Errorf("deadlock, the transaction was rolled back: %w", oneLine{err})
	case errNoSuchTable:
		return fmt.Errorf("no table, make it with PrepareTx: %w: %w", driver.ErrInvalidOption, oneLine{err})
	}
	return err
}
