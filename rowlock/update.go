package rowlock

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Guard is the column by which [Update] notices that another has written the row:
// [Version] or [Timestamp].
type Guard struct {
	column string
	time   bool
}

// Version is a guard that counts: an integer column, NOT NULL, which every write raises
// by one. Writers that do not use Update have to do so too.
func Version(column string) Guard { return Guard{column: column} }

// Timestamp is a guard that tells the time of the last write, by the server's clock in
// UTC. A clock alone would not do, since two writes may fall into one tick: what Update
// writes is the time or, if that is not later, the old value and a microsecond, so that
// it always rises. The column has to resolve microseconds and be NOT NULL:
//
//   - DATETIME(6) in MySQL and MariaDB, and no TIMESTAMP, which shows two instants as one
//     when summer time ends;
//   - timestamptz or timestamp in PostgreSQL;
//   - an INTEGER of microseconds since 1970 in SQLite, which has no type for times.
//
// Others that write the row must move it by the same rule, so prefer [Version] where
// there is a choice.
func Timestamp(column string) Guard { return Guard{column: column, time: true} }

// Update reads the columns row.Read, calls fn, which changes the variables that they were
// read into, and writes them back, if nobody else has written the row in between; else
// it begins again, after a short random pause, 10 times or as [Attempts] says. No lock is
// held while fn runs.
//
//	var num int
//	stock := rowlock.Row{Table: "stock", Key: "id", Value: 42, Read: rowlock.Columns{"num": &num}}
//	err := rowlock.Update(ctx, db, stock, rowlock.Version("version"), func() error {
//		num-- // read anew each time
//		return nil
//	})
//
// An error of fn ends it with nothing written; ErrRefused is there for that. The key has
// to be unique, so that one row is written.
//
// With a *sql.DB or a pool, each statement is its own transaction. In a transaction of
// the caller's nothing is tried again, since a snapshot would show the same row for ever:
// ErrConflict comes at once, and [Retry] runs the whole again.
//
// Errors: ErrConflict when no attempt was left; ErrNoRow; ErrNoIndex; ErrAmbiguous when
// the connection was lost during the write, which is never tried again; a name that the
// table does not have; and those of fn and of the database. After any of them but
// ErrAmbiguous the row is as it was.
func Update(ctx context.Context, db Conn, row Row, by Guard, fn func() error, options ...Option) error {
	c, row, err := prepare(ctx, db, row)
	if err == nil {
		err = by.check(row)
	}
	if err == nil {
		err = c.update(ctx, row, by, fn, newPolicy(options))
	}
	return opError("update", row, err)
}

func (c conn) update(ctx context.Context, row Row, by Guard, fn func() error, p policy) error {
	columns, _ := row.read()
	if err := c.checkTable(ctx, row, append(columns, by.column), by.serves); err != nil {
		return err
	}
	if !c.Pool() {
		p.attempts = 1
	}
	return p.run(ctx, func() error {
		version, err := c.readVersion(ctx, row, by)
		if err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
		return c.writeVersion(ctx, row, by, version)
	})
}

// readVersion reads row, and returns its version.
func (c conn) readVersion(ctx context.Context, row Row, by Guard) (int64, error) {
	columns, into := row.read()
	s := &statement{Dialect: row.Dialect}
	s.add("SELECT ", by.read(row.Dialect))
	for _, name := range columns {
		s.add(", ").name(name)
	}
	s.add(" FROM ", s.quoteTable(row.Table)).where(row)
	var version *int64
	err := c.one(ctx, s.text.String(), s.args, append([]any{&version}, into...)...)
	switch {
	case errors.Is(err, errNoRows):
		return 0, ErrNoRow
	case err != nil:
		return 0, err
	case version == nil:
		return 0, fmt.Errorf("column %q is NULL, which is equal to nothing: want it NOT NULL", by.column)
	}
	return *version, nil
}

// writeVersion writes row, if it still has version.
func (c conn) writeVersion(ctx context.Context, row Row, by Guard, version int64) error {
	columns, from := row.read()
	s := &statement{Dialect: row.Dialect}
	s.add("UPDATE ", s.quoteTable(row.Table), " SET ")
	for i, name := range columns {
		s.name(name).add(" = ").param(deref(from[i])).add(", ")
	}
	s.name(by.column).add(" = ", by.next(row.Dialect)).where(row)
	s.add(" AND ", by.read(row.Dialect), " = ").param(version)
	n, err := c.write(ctx, s)
	if err == nil && n == 0 {
		return fmt.Errorf("%w: another has written the row in between", ErrConflict)
	}
	return err
}

// write runs a statement that changes one row or none.
//
// MySQL counts rows that have changed and not those that were found; every statement that
// comes here changes what it finds.
func (c conn) write(ctx context.Context, s *statement) (int64, error) {
	n, err := c.exec(ctx, s.text.String(), s.args...)
	if lost(err) && !c.inTransaction() {
		return 0, fmt.Errorf("%w: %w", ErrAmbiguous, err)
	}
	return n, err
}

// inTransaction reports whether it is certain that nothing is kept without a COMMIT.
func (c conn) inTransaction() bool {
	if db, ok := c.Querier.(std); ok {
		_, ok := db.Conn.(interface{ Commit() error })
		return ok
	}
	return !c.Pool()
}

func (g Guard) check(row Row) error {
	if err := checkNames("version column", g.column); err != nil {
		return err
	}
	if len(row.Read) == 0 {
		return errors.New("nothing to write: want the columns in Read")
	}
	for name := range row.Read {
		if row.Dialect.equal(name, g.column) {
			return fmt.Errorf("column %q is read and is the guard, which Update writes itself: take it out of Read", name)
		}
	}
	return nil
}

// serves refuses a key that is not unique, and a type in which the guard could stand
// still.
func (g Guard) serves(t *table, row Row) error {
	if err := t.identifies(row); err != nil || !g.time {
		return err
	}
	typ := strings.TrimSpace(t.typeOf(g.column))
	var fits bool
	var want string
	switch t.dialect {
	case SQLite:
		fits, want = strings.Contains(typ, "int"), "INTEGER, microseconds since 1970"
	case PostgreSQL:
		fits, want = typ == "timestamp with time zone" || typ == "timestamp without time zone", "timestamptz"
	default:
		fits, want = typ == "datetime(6)", "DATETIME(6)"
	}
	if !fits {
		return fmt.Errorf("column %q is %q, which cannot tell two writes apart: want %s", g.column, typ, want)
	}
	return nil
}
