package sqlexplain

import (
	"context"
	"database/sql"
	"time"
)

// querier is what a statement of this package's own is run on.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// engine is what MySQL, MariaDB and PostgreSQL do each in their own way. One call of
// Explain uses two connections: work runs the statement, look reads its locks.
type engine interface {
	name() string
	defaultIsolation() string

	// begin sets the session up and begins a transaction. The session ends with the
	// connection, and so do its settings. id is what the server calls the session.
	begin(ctx context.Context, work *sql.Conn, opts Options) (id int64, err error)
	// check refuses what the statement names and explain cannot do, and warns of what a
	// rollback leaves behind. It runs nothing.
	check(ctx context.Context, look querier, s statement) (warnings []string, err error)
	// plan returns how the statement would be run.
	plan(ctx context.Context, work querier, s statement) ([]Step, error)
	// locks returns what the session's transaction holds.
	locks(ctx context.Context, look *sql.Conn, id int64) (snapshot, error)
	// hidesInserts reports whether there are implicit locks on fresh rows.
	hidesInserts() bool
	// reveal makes implicit locks on the tables explicit.
	reveal(ctx context.Context, look *sql.Conn, locks []Lock) error
	// foreign returns the tables that foreign keys of the named tables point at.
	foreign(ctx context.Context, look querier, tables []string) (parents []string, err error)
	// locksOnTheWay reports whether a transaction of that isolation locks what it lets go.
	locksOnTheWay(isolation string) bool
	// survives reports whether the transaction and its locks outlive an error of a
	// statement, as they do on InnoDB after a duplicate key.
	survives(err error) bool
	// kill ends a session, and with it its transaction.
	kill(ctx context.Context, db *sql.DB, id int64) error
	// plain turns an error of the server into one that says what to do.
	plain(err error, opts Options) error

	lockTimeoutUnit() time.Duration
	// waitQueries return the statements for who waits for whom, and for the sessions.
	waitQueries() (waits, sessions string)
}

// snapshot is what a transaction holds at one moment.
type snapshot struct {
	locks      []Lock
	rowsLocked int64
	truncated  bool
}
