package fence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// DB is what runs the statements: a *sql.DB, *sql.Conn or *sql.Tx.
type DB interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// SQL guards the rows of a table that has a column for the token. It holds no
// state, costs nothing to make, and may be used by many goroutines.
//
//	stock := fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "id", Token: "fence"}
//	err := stock.Update(ctx, db, 42, lock.Token(), "num = num - ?", 1)
//
// Names are quoted, so they must be spelt as the database stores them; a dot in
// Table parts schema and table.
type SQL struct {
	Dialect Dialect
	// Table is the caller's own table.
	Table string
	// Key is the column that identifies a row, such as its primary key.
	Key string
	// Token is the column that remembers the token: a 64-bit integer that may be
	// NULL, which means that nobody with a token has written yet. DDL adds it.
	Token string
}

// DDL returns the statement that adds the token column to the table.
//
// Errors: a field that is not set.
func (s SQL) DDL() (string, error) {
	if err := s.check(); err != nil {
		return "", fmt.Errorf("fence: %w", err)
	}
	return "ALTER TABLE " + s.Dialect.quoteTable(s.Table) +
		" ADD COLUMN " + s.Dialect.quote(s.Token) + " BIGINT", nil
}

// Update changes the row whose key column is key, unless a newer token than token
// has written it, and remembers token: all in one statement, so it is right with or
// without a transaction around it.
//
// set is what stands behind SET, with the placeholders of the dialect for args (?,
// or $1 and up in PostgreSQL). It is SQL: never build it from input.
//
// Errors, after which the row is as it was: ErrStale, ErrNoRow, ErrNoToken,
// ErrInvalidToken, and those of the database. After ErrStale in a transaction, roll
// it back.
func (s SQL) Update(ctx context.Context, db DB, key any, token uint64, set string, args ...any) error {
	if set == "" {
		return s.wrap(key, errors.New("nothing to set; use Check to raise the token alone"))
	}
	return s.wrap(key, s.update(ctx, db, key, token, set, args))
}

// Check is Update that changes nothing but the token: from then on, nobody with an
// older one can change the row, so what is read after it stays true until a newer
// holder comes. Call it before the read that an Update will rest on.
//
// At the start of a transaction it guards all that follows in it, whatever the table:
// the row stays locked until the end, so no other holder can pass in between.
//
// Errors are those of Update.
func (s SQL) Check(ctx context.Context, db DB, key any, token uint64) error {
	return s.wrap(key, s.update(ctx, db, key, token, "", nil))
}

func (s SQL) update(ctx context.Context, db DB, key any, token uint64, set string, args []any) error {
	if err := errors.Join(s.check(), checkToken(token), s.Dialect.checkParams(set, len(args))); err != nil {
		return err
	}
	query, values := s.statement(key, token, set, args)
	result, err := db.ExecContext(ctx, query, values...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return err
	case n > 1:
		return fmt.Errorf("column %s is no key: %d rows were changed", s.Key, n)
	case n == 1:
		return nil
	}
	return s.explain(ctx, db, key, token)
}

// statement returns the guarded update. set ends with a line break so that a comment
// in it cannot swallow the condition.
func (s SQL) statement(key any, token uint64, set string, args []any) (string, []any) {
	d, column := s.Dialect, s.Dialect.quote(s.Token)
	n := len(args)
	if set != "" {
		set += ",\n"
	}
	query := "UPDATE " + d.quoteTable(s.Table) + " SET " + set + column + " = " + d.param(n+1) +
		" WHERE " + d.quote(s.Key) + " = " + d.param(n+2) +
		" AND (" + column + " IS NULL OR " + column + " <= " + d.param(n+3) + ")"
	values := append(append([]any(nil), args...), int64(token), key, int64(token))
	return query, values
}

// explain says why an update has changed no row.
func (s SQL) explain(ctx context.Context, db DB, key any, token uint64) error {
	var stored sql.NullInt64
	err := db.QueryRowContext(ctx, s.lookup(), key).Scan(&stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNoRow
	case err != nil:
		return err
	case uint64(stored.Int64) > token:
		return stale(token, uint64(stored.Int64))
	case s.Dialect.changedOnly() && uint64(stored.Int64) == token:
		return nil // matched, and already had these values
	}
	return fmt.Errorf("%w: it came while it was being looked for", ErrNoRow)
}

func (s SQL) lookup() string {
	d := s.Dialect
	return "SELECT " + d.quote(s.Token) + " FROM " + d.quoteTable(s.Table) +
		" WHERE " + d.quote(s.Key) + " = " + d.param(1) + d.lockingRead()
}

func (s SQL) check() error {
	return errors.Join(s.Dialect.check(), checkNames(s.Table, s.Key, s.Token))
}

func (s SQL) wrap(key any, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("fence: %s %v: %w", s.Table, key, err)
}
