// Package pgxrow lets package rowlock run on pgx: on a pgx.Tx of the caller's, or on a
// pgxpool.Pool. Those who use pgx through database/sql do not need it.
//
//	err := pgxrow.Retry(ctx, pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
//		return rowlock.For(ctx, pgxrow.Tx(tx), row, rowlock.Exclusive)
//	})
package pgxrow

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/rowlock"
)

// Client is what runs statements: a pgx.Tx, *pgx.Conn, *pgxpool.Conn or *pgxpool.Pool.
type Client interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// Tx makes an open transaction usable in package rowlock. It costs nothing.
func Tx(tx pgx.Tx) rowlock.Querier { return client{tx, false} }

// DB makes a pool, or a connection without a transaction, usable in package rowlock: each
// statement is a transaction of its own. It costs nothing.
func DB(db Client) rowlock.Querier {
	_, inTransaction := db.(pgx.Tx)
	return client{db, !inTransaction}
}

// Beginner begins transactions: a *pgxpool.Pool, *pgxpool.Conn or *pgx.Conn.
type Beginner interface {
	// BeginTx begins a transaction.
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// Retry is rowlock.Retry for pgx.
func Retry(ctx context.Context, db Beginner, opts pgx.TxOptions, fn func(tx pgx.Tx) error, options ...rowlock.Option) error {
	begin := func(ctx context.Context) (pgx.Tx, error) { return db.BeginTx(ctx, opts) }
	return rowlock.RetryTx(ctx, begin, fn, options...)
}

type client struct {
	Client
	pool bool
}

// ExecContext is Exec in the words of database/sql.
func (c client) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tag, err := c.Exec(ctx, query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// Query calls each with every row.
func (c client) Query(ctx context.Context, query string, args []any, each func(scan func(into ...any) error) error) error {
	rows, err := c.Client.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Pool reports whether each statement is a transaction of its own.
func (c client) Pool() bool { return c.pool }
