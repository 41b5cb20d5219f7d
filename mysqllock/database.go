package mysqllock

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"path"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
)

//go:embed sql/*.sql
var files embed.FS

// nowMicros is the server's clock at the moment at which it is read, in microseconds since
// 1970. The session's time zone is UTC. NOW() would be the start of the statement, which
// may have waited for a row since.
const nowMicros = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6))"

// statements are the texts of the files in sql/, by name.
var statements = readStatements()

func readStatements() map[string]string {
	texts := make(map[string]string)
	names, _ := fs.Glob(files, "sql/*.sql")
	for _, name := range names {
		texts[strings.TrimSuffix(path.Base(name), ".sql")] = readFile(name)
	}
	return texts
}

// readFile returns a file without its comments, in which a question mark would count as
// a parameter.
func readFile(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // is embedded
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(strings.Join(lines, ""), "{now}", nowMicros))
}

// statement returns a text that names no table.
func statement(name string) string {
	text, ok := statements[name]
	if !ok {
		panic("no statement " + name)
	}
	return text
}

// database is a pool of connections to a server with the lock tables.
type database struct {
	pool    *sql.DB
	config  *mysql.Config
	table   string
	timeout time.Duration
	texts   map[string]string // statements with the names of the tables
	version string            // of the server
}

func openDatabase(config *mysql.Config, o Options) (*database, error) {
	config = setUp(config, o.Timeout)
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return nil, invalid("DSN: %v", err)
	}
	db := &database{pool: sql.OpenDB(connector{inner}), config: config, table: o.Table, timeout: o.Timeout, texts: make(map[string]string)}
	db.pool.SetMaxOpenConns(o.PoolSize + 2) // and the bell's
	db.pool.SetMaxIdleConns(o.PoolSize)
	db.pool.SetConnMaxIdleTime(30 * time.Minute) // less than the session's wait_timeout
	for name, text := range statements {
		db.texts[name] = withTables(text, o.Table)
	}
	return db, nil
}

// withTables puts the names of the tables into a statement.
func withTables(text, table string) string {
	return strings.NewReplacer("{lock}", quote(table), "{line}", quote(table+lineSuffix)).Replace(text)
}

func (db *database) close() error { return db.pool.Close() }

// flavour is the engine's name for people.
func (db *database) flavour() string {
	if strings.Contains(db.version, "MariaDB") {
		return "mariadb"
	}
	return "mysql"
}

// text returns a statement with lists of parameters for what stands in braces.
func (db *database) text(name string, lists ...string) string {
	return strings.NewReplacer(lists...).Replace(db.texts[name])
}

func (db *database) exec(ctx context.Context, name string, args ...any) (sql.Result, error) {
	return db.pool.ExecContext(ctx, db.texts[name], args...)
}

// querier is a pool, or one connection of it.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (db *database) each(ctx context.Context, query string, args []any, scan func(rows *sql.Rows) error) error {
	return each(ctx, db.pool, query, args, scan)
}

// discard ends a connection, which must not go back to the pool as it is.
func discard(session *sql.Conn) {
	_ = session.Raw(func(any) error { return sqldriver.ErrBadConn })
}

// each runs a query and calls scan for each of its rows.
func each(ctx context.Context, on querier, query string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list returns n parameters, separated by commas.
func list(n int, parameter string) string {
	return strings.Repeat(parameter+",", n-1) + parameter
}

// try runs do, within the timeout, again after what passes by itself: a deadlock, a row
// that was locked, and for a few times a connection that was lost. Everything that
// locks do may be done twice.
func (db *database) try(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	var last error // why it was tried again
	for attempt := 0; ; attempt++ {
		err := do(ctx)
		if err == nil || isOurs(err) {
			return err
		}
		if ctx.Err() != nil {
			return db.late(last)
		}
		last = err
		if !passes(err) && (!isLostConnection(err) || attempt >= 3) {
			return unavailable(err)
		}
		pause(ctx, attempt)
	}
}

// late is the error for what was not done within the timeout. The end of its own time must
// not look like the end of the context of somebody who asked.
func (db *database) late(last error) error {
	if last == nil {
		return fmt.Errorf("no answer within %v: %w", db.timeout, driver.ErrUnavailable)
	}
	return fmt.Errorf("not done within %v: %w: %w", db.timeout, driver.ErrUnavailable, oneLine{last})
}

// pause waits for a random time that grows with the attempts, up to 32 ms.
func pause(ctx context.Context, attempt int) {
	timer := time.NewTimer(rand.N(time.Millisecond << min(attempt, 5)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// The server's error numbers that matter here.
const (
	errLockWait       = 1205
	errDeadlock       = 1213
	errChanged        = 1020 // MariaDB, with innodb_snapshot_isolation
	errTableChanged   = 1412
	errInterrupted    = 1317
	errNoSuchTable    = 1146
	errNoWait         = 3572 // MySQL; MariaDB answers errLockWait
	errReadOnly       = 1290
	errReadOnlyTx     = 1792
	errMariaReadOnly  = 1836
	errShuttingDown   = 1053
	errBinlogFormat   = 1665
	errAccessDenied   = 1045
	errDatabaseDenied = 1044
	errTableDenied    = 1142
	errNoDatabase     = 1049
)

// number returns the server's error number, or 0.
func number(err error) uint16 {
	var failure *mysql.MySQLError
	if errors.As(err, &failure) {
		return failure.Number
	}
	return 0
}

// passes reports whether a statement has changed nothing and may succeed when it is tried
// again.
func passes(err error) bool {
	switch number(err) {
	case errLockWait, errDeadlock, errChanged, errTableChanged, errInterrupted:
		return true
	}
	return errors.Is(err, errConflict)
}

func isLostConnection(err error) bool {
	var network net.Error
	return errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.As(err, &network) ||
		number(err) == errShuttingDown
}

// isOurs reports whether err says what the outcome is, rather than that there is none.
func isOurs(err error) bool {
	for _, known := range []error{driver.ErrHeld, driver.ErrLost, driver.ErrNotHeld, driver.ErrInvalidOption, errInLine, errOneByOne} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// unavailable marks a failure of the server or of the way to it.
func unavailable(err error) error {
	switch number(err) {
	case errReadOnly, errReadOnlyTx, errMariaReadOnly:
		return fmt.Errorf("the server is read-only: %w: %w", driver.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", driver.ErrUnavailable, oneLine{err})
}

// oneLine is an error whose text has one line.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

func (e oneLine) Unwrap() error { return e.error }
