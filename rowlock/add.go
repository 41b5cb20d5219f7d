package rowlock

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Limit is the condition of [Add]: [AtLeast] or [AtMost]. The zero value is none.
type Limit struct {
	operator string
	value    int64
}

// AtLeast lets a number not fall under least: stock, a balance, days of leave.
func AtLeast(least int64) Limit { return Limit{">=", least} }

// AtMost lets a number not rise over most: seats, a quota.
func AtMost(most int64) Limit { return Limit{"<=", most} }

// Deduct takes n from a column of row, unless less than n is there: ErrRefused. It is
// Add(ctx, db, row, column, -n, AtLeast(0)) with n over 0.
//
//	err := rowlock.Deduct(ctx, db, rowlock.Row{Table: "stock", Key: "id", Value: 42}, "num", 1)
func Deduct(ctx context.Context, db Conn, row Row, column string, n int64) error {
	if n <= 0 {
		return opError("deduct from", row, fmt.Errorf("cannot deduct %d: want 1 or more", n))
	}
	return change(ctx, db, "deduct from", row, column, -n, AtLeast(0))
}

// Add adds n, which may be under 0, to a column of row, if limit allows it: in one
// statement that is right with or without a transaction around it, and is never tried
// again. The column is a whole number; NULL is refused. The key has to be unique. In a
// transaction the row stays locked until its end.
//
// Errors, after which the row is as it was: ErrRefused, ErrNoRow, ErrNoIndex, a name that
// the table does not have, and those of the database. After ErrAmbiguous, which is the
// loss of the connection during the write, it may have been changed.
func Add(ctx context.Context, db Conn, row Row, column string, n int64, limit Limit) error {
	return change(ctx, db, "add to", row, column, n, limit)
}

func change(ctx context.Context, db Conn, op string, row Row, column string, n int64, limit Limit) error {
	bound, err := limit.before(n)
	if err == nil {
		err = checkNames("column", column)
	}
	if err != nil {
		return opError(op, row, err)
	}
	c, row, err := prepare(ctx, db, row)
	if err == nil {
		err = c.checkTable(ctx, row, []string{column}, (*table).identifies)
	}
	if err == nil {
		err = c.change(ctx, row, column, n, Limit{limit.operator, bound})
	}
	return opError(op, row, err)
}

// before returns what the column has to be compared with before n is added. That is not
// left to the database: in MySQL num - 3 is an error when num is UNSIGNED and 2.
func (l Limit) before(n int64) (int64, error) {
	bound := l.value - n
	switch {
	case n == 0:
		return 0, errors.New("cannot add 0: it would change nothing")
	case n == math.MinInt64, l.operator != "" && (bound < l.value) != (n > 0):
		return 0, fmt.Errorf("cannot add %d: no number can be compared with %d - %d", n, l.value, n)
	}
	return bound, nil
}

func (c conn) change(ctx context.Context, row Row, column string, n int64, limit Limit) error {
	s := &statement{Dialect: row.Dialect}
	s.add("UPDATE ", s.quoteTable(row.Table), " SET ").name(column).add(" = ").name(column).add(" + ").param(n).where(row)
	if limit.operator != "" {
		s.add(" AND ").name(column).add(" ", limit.operator, " ").param(limit.value)
	} else {
		s.add(" AND ").name(column).add(" IS NOT NULL")
	}
	changed, err := c.write(ctx, s)
	if err != nil || changed > 0 {
		return err
	}
	return c.explain(ctx, row, column)
}

// explain says why a change was refused. In MySQL it reads with a lock, since a plain read
// is from the transaction's snapshot and the UPDATE was not.
func (c conn) explain(ctx context.Context, row Row, column string) error {
	s := &statement{Dialect: row.Dialect}
	s.add("SELECT CAST(").name(column).add(" AS ", textType(row.Dialect), ") FROM ", s.quoteTable(row.Table)).where(row)
	if row.Dialect.innoDB() {
		s.add(" FOR UPDATE")
	}
	var now *string
	err := c.one(ctx, s.text.String(), s.args, &now)
	switch {
	case errors.Is(err, errNoRows):
		return ErrNoRow
	case err != nil:
		return err
	case now == nil:
		return fmt.Errorf("%w: column %q is NULL", ErrRefused, column)
	}
	return fmt.Errorf("%w: column %q is %s", ErrRefused, column, *now)
}

func textType(d Dialect) string {
	if d.innoDB() {
		return "CHAR"
	}
	return "TEXT"
}
