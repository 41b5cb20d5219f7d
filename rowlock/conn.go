package rowlock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Conn runs statements: a *sql.Tx, *sql.Conn or *sql.DB, anything that embeds one, or
// what package pgxrow makes of pgx's. Besides this method it needs either QueryContext
// as database/sql has it, or those of [Querier].
type Conn interface {
	// ExecContext runs a statement and tells how many rows it has changed.
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Querier is a [Conn] for a client that is not database/sql.
type Querier interface {
	Conn
	// Query calls each with every row that the query returns, until that fails.
	Query(ctx context.Context, query string, args []any, each func(scan func(into ...any) error) error) error
	// Pool reports whether each statement is a transaction of its own.
	Pool() bool
}

// stdQuerier is what reads through database/sql.
type stdQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// pool is what tells a *sql.DB, whose every statement is a transaction of its own, from
// a *sql.Conn or *sql.Tx.
type pool interface {
	Conn(ctx context.Context) (*sql.Conn, error)
}

var errNoRows = errors.New("the query returned no row")

// conn is a Conn that can read.
type conn struct{ Querier }

func open(db Conn) (conn, error) {
	if q, ok := db.(Querier); ok {
		return conn{q}, nil
	}
	if q, ok := db.(stdQuerier); ok {
		return conn{std{db, q}}, nil
	}
	return conn{}, fmt.Errorf("%T runs no queries: want a *sql.Tx, *sql.Conn or *sql.DB, or one of package pgxrow", db)
}

// std is a Conn of database/sql.
type std struct {
	Conn
	queries stdQuerier
}

func (s std) Query(ctx context.Context, query string, args []any, each func(scan func(into ...any) error) error) error {
	rows, err := s.queries.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s std) Pool() bool {
	_, ok := s.Conn.(pool)
	return ok
}

// exec returns how many rows a statement has changed.
func (c conn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := c.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one reads one row; errNoRows when there is none.
func (c conn) one(ctx context.Context, query string, args []any, into ...any) error {
	n, err := c.read(ctx, query, args, into)
	if err == nil && n == 0 {
		return errNoRows
	}
	return err
}

// read scans the rows of a query, the last one last, and returns how many there were.
func (c conn) read(ctx context.Context, query string, args []any, into []any) (n int, err error) {
	err = c.Query(ctx, query, args, func(scan func(into ...any) error) error {
		n++
		return scan(into...)
	})
	return n, err
}
