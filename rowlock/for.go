package rowlock

import (
	"context"
	"errors"
	"fmt"
)

// errAsked marks an ErrHeld that the caller has asked for, by NoWait or Wait.
var errAsked = errors.New("not free within the wait asked for")

// For locks row in mode until the transaction tx ends, and reads the columns of row.Read
// as they are then. It waits for another transaction that has the row, as long as mode
// and ctx allow; tx may be a *sql.Tx, a *sql.Conn on which BEGIN was executed, or
// pgxrow.Tx.
//
// Take what you need of the row from Read: in MySQL and MariaDB a plain SELECT later in
// the transaction shows the row as it was when the transaction first read anything,
// which may be before the lock.
//
// With a key that is not unique For locks every row that has it, and in MySQL and
// MariaDB (unless at READ COMMITTED) the gaps beside them too, where nobody can insert
// then. Locking a row that is not there locks its gap likewise.
//
// SQLite has no row locks: For takes the write lock of the file, which keeps every other
// writer out. Begin such a transaction with BEGIN IMMEDIATE (_txlock=immediate), or call
// For first: what a deferred transaction has read before is out of date when another has
// written since, and For is then ErrConflict.
//
// Errors: ErrNoRow, ErrHeld, ErrNoIndex (nothing was locked; in SQLite the file was),
// ErrConflict when the database has chosen this transaction to end for another's sake,
// a name that the table does not have, and those of the database.
func For(ctx context.Context, tx Conn, row Row, mode Mode) error {
	c, row, err := prepare(ctx, tx, row)
	if err == nil {
		err = c.lock(ctx, row, mode)
	}
	return opError("lock", row, err)
}

// prepare checks what the caller gives, and asks for the dialect if it is not given.
func prepare(ctx context.Context, db Conn, row Row) (conn, Row, error) {
	c, err := open(db)
	if err == nil {
		err = row.check()
	}
	if err == nil && row.Dialect == 0 {
		row.Dialect, err = c.detect(ctx)
	}
	return c, row, err
}

func (c conn) lock(ctx context.Context, row Row, mode Mode) error {
	if c.Pool() {
		return errors.New("not in a transaction, so the lock would be gone at once: want a transaction")
	}
	columns, into := row.read()
	// In SQLite the catalogue comes after the lock: reading it begins a snapshot, which
	// would be out of date if another wrote before the lock is had.
	if row.Dialect == SQLite {
		if err := c.lockFile(ctx, row, mode); err != nil {
			return mode.explain(err)
		}
	}
	if err := c.checkTable(ctx, row, columns, (*table).serves); err != nil {
		return err
	}
	n, err := c.readLocked(ctx, row, mode, columns, into)
	switch {
	case err != nil:
		return mode.explain(err)
	case n == 0:
		return ErrNoRow
	case n > 1 && len(columns) > 0:
		return fmt.Errorf("%d rows have this key and Read has room for one: want a unique key, or SkipLocked", n)
	}
	return nil
}

// readLocked runs the locking SELECT and returns how many rows it has locked.
func (c conn) readLocked(ctx context.Context, row Row, mode Mode, columns []string, into []any) (int, error) {
	s := locking(row, mode, columns)
	if len(into) == 0 {
		into = []any{new(int)}
	}
	if mode.wait != bounded || row.Dialect != PostgreSQL {
		return c.read(ctx, s.text.String(), s.args, into)
	}
	restore, err := c.setTimeout(ctx, mode)
	if err != nil {
		return 0, err
	}
	n, err := c.read(ctx, s.text.String(), s.args, into)
	if err != nil {
		return 0, err // has ended the transaction, and with it the setting
	}
	return n, restore()
}

// locking returns the SELECT that locks row.
func locking(row Row, mode Mode, columns []string) *statement {
	s := &statement{Dialect: row.Dialect}
	s.add(mode.head(row.Dialect))
	for i, name := range columns {
		if i > 0 {
			s.add(", ")
		}
		s.name(name)
	}
	if len(columns) == 0 {
		s.add("1")
	}
	s.add(" FROM ", s.quoteTable(row.Table)).where(row)
	if mode.wait == skipLocked {
		s.add(" LIMIT 1")
	}
	return s.add(mode.clause(row.Dialect))
}

// setTimeout bounds PostgreSQL's waits in this transaction until restore is called.
func (c conn) setTimeout(ctx context.Context, mode Mode) (restore func() error, err error) {
	const set = "SELECT current_setting('lock_timeout'), set_config('lock_timeout', $1, true)"
	var before, now string
	err = c.one(ctx, set, []any{fmt.Sprintf("%dms", mode.millis())}, &before, &now)
	return func() error { return c.one(ctx, set, []any{before}, new(string), new(string)) }, err
}

// lockFile takes SQLite's write lock. A DELETE that is known to find nothing does, and
// changes nothing, nor does it run a trigger.
func (c conn) lockFile(ctx context.Context, row Row, mode Mode) error {
	take := func() error {
		_, err := c.exec(ctx, "DELETE FROM "+row.Dialect.quoteTable(row.Table)+" WHERE 0")
		return err
	}
	if !mode.limited() {
		return take()
	}
	restore, err := c.setBusyTimeout(ctx, mode)
	if err != nil {
		return err
	}
	err = take()
	return errors.Join(err, restore())
}

// setBusyTimeout bounds SQLite's wait on this connection until restore is called.
func (c conn) setBusyTimeout(ctx context.Context, mode Mode) (restore func() error, err error) {
	var before int64
	if err := c.one(ctx, "PRAGMA busy_timeout", nil, &before); err != nil {
		return nil, err
	}
	set := func(ctx context.Context, millis int64) error {
		return c.one(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", millis), nil, new(int64))
	}
	err = set(ctx, mode.millis())
	return func() error { return set(context.WithoutCancel(ctx), before) }, err
}

// explain says what an error of the locking statement means to the caller.
func (m Mode) explain(err error) error {
	switch found := classify(err); {
	case found == held && m.limited(), found == outOfTime && m.wait == bounded:
		return fmt.Errorf("%w: %w: %w", ErrHeld, errAsked, err)
	case found == held:
		return fmt.Errorf("%w: %w", ErrHeld, err)
	case found == conflict:
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
