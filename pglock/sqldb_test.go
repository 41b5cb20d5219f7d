package pglock_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
)

// openSQL returns url as a *sql.DB: as much of a driver for database/sql as these tests
// need, so that they do not need pgx's own with its pool.
func openSQL(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	db := sql.OpenDB(connector(url))
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

type connector string

func (c connector) Driver() driver.Driver { return nil }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := pgx.Connect(ctx, string(c))
	return sqlConn{conn}, err
}

type sqlConn struct{ conn *pgx.Conn }

func (c sqlConn) Close() error                             { return c.conn.Close(context.Background()) }
func (c sqlConn) Prepare(string) (driver.Stmt, error)      { return nil, errors.New("not here") }
func (c sqlConn) Begin() (driver.Tx, error)                { return nil, errors.New("not here") }
func (c sqlConn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c sqlConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.Begin(ctx)
	return sqlConnTx{tx}, err
}

type sqlConnTx struct{ tx pgx.Tx }

func (t sqlConnTx) Commit() error   { return t.tx.Commit(context.Background()) }
func (t sqlConnTx) Rollback() error { return t.tx.Rollback(context.Background()) }

func plain(args []driver.NamedValue) (values []any) {
	for _, arg := range args {
		values = append(values, arg.Value)
	}
	return values
}

func (c sqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	tag, err := c.conn.Exec(ctx, query, plain(args)...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

func (c sqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.conn.Query(ctx, query, plain(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := &sqlRows{}
	for _, field := range rows.FieldDescriptions() {
		all.columns = append(all.columns, field.Name)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		all.rows = append(all.rows, values)
	}
	return all, rows.Err()
}

type sqlRows struct {
	columns []string
	rows    [][]any
}

func (r *sqlRows) Columns() []string { return r.columns }
func (r *sqlRows) Close() error      { return nil }

func (r *sqlRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	for i, value := range r.rows[0] {
		dest[i] = value
	}
	r.rows = r.rows[1:]
	return nil
}
