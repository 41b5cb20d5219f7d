package sqlitelock

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"

	"github.com/pawl-go/pawl/driver"
)

//go:embed sql/*.sql
var files embed.FS

// nowMicros is SQLite's clock in microseconds. Within one statement it stands
// still, and it is read after the statement has got at the file.
const nowMicros = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

// statements are the texts of the files in sql/, by name, but for the schema.
var statements = readStatements()

func readStatements() map[string]string {
	texts := make(map[string]string)
	names, _ := fs.Glob(files, "sql/*.sql")
	for _, name := range names {
		if short := strings.TrimSuffix(path.Base(name), ".sql"); !strings.HasPrefix(short, "schema_") {
			texts[short] = readFile(name)
		}
	}
	return texts
}

func readFile(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // is embedded
	}
	return strings.ReplaceAll(string(text), "NOW_US", nowMicros)
}

// database is an open lock file: a connection that writes, one that reads, so that
// looking does not wait for writing, and what tells that the file is still the one
// at its path.
type database struct {
	path   string
	opened os.FileInfo
	busy   time.Duration
	pool   *sql.DB

	writeMu sync.Mutex // guards writer
	writer  *session
	readMu  sync.Mutex // guards reader
	reader  *session
}

// session is one connection and its prepared statements.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	closed   bool
}

// noContext is for statements: they take microseconds, wait for nothing, and a
// context that can end would cost each of them a goroutine.
var noContext = context.Background()

func newSession(pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(noContext)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, prepared: make(map[string]*sql.Stmt)}, nil
}

func (s *session) close() {
	s.closed = true
	for _, stmt := range s.prepared {
		_ = stmt.Close()
	}
	_ = s.conn.Close()
}

// statement returns the statement called name, or the statement itself where it is
// none of the files.
func (s *session) statement(name string) (*sql.Stmt, error) {
	if stmt := s.prepared[name]; stmt != nil {
		return stmt, nil
	}
	text, ok := statements[name]
	if !ok {
		text = name
	}
	stmt, err := s.conn.PrepareContext(noContext, text)
	if err == nil {
		s.prepared[name] = stmt
	}
	return stmt, err
}

func (s *session) exec(name string, args ...any) (changed int64, err error) {
	stmt, err := s.statement(name)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(noContext, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs a statement that returns one row, or none.
func (s *session) query(name string, args ...any) row {
	rows, err := s.rows(name, args...)
	return row{rows, err}
}

func (s *session) rows(name string, args ...any) (*sql.Rows, error) {
	stmt, err := s.statement(name)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(noContext, args...)
}

// row is a *sql.Row that runs its statement to the end: a statement that writes and
// returns what it has written commits only there, and may fail.
type row struct {
	rows *sql.Rows
	err  error
}

// Scan returns sql.ErrNoRows when there is no row.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	for r.rows.Next() {
		continue
	}
	return r.rows.Err()
}

// exec and query run a statement within write.
func (db *database) exec(name string, args ...any) (int64, error) {
	return db.writer.exec(name, args...)
}

func (db *database) query(name string, args ...any) row {
	return db.writer.query(name, args...)
}

// write runs do, in a transaction where that is asked for, and again while other
// processes write to the file. do gets the time of the attempt. What it returns
// undoes the transaction.
func (db *database) write(ctx context.Context, transaction bool, do func(sent time.Time) error) error {
	if err := checkReplaced(db.path, db.opened); err != nil {
		return err
	}
	return retryBusy(ctx, db.busy, func() error {
		db.writeMu.Lock()
		defer db.writeMu.Unlock()
		if db.writer.closed {
			return driver.ErrClosed
		}
		if !transaction {
			return do(time.Now())
		}
		return db.writer.transact(do)
	})
}

func (s *session) transact(do func(sent time.Time) error) error {
	sent := time.Now()
	if _, err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do(sent)
	if err == nil {
		_, err = s.exec("COMMIT")
	}
	if err != nil {
		_, _ = s.exec("ROLLBACK")
	}
	return err
}

// read runs do on the connection that reads.
func (db *database) read(ctx context.Context, do func(s *session) error) error {
	return retryBusy(ctx, db.busy, func() error {
		db.readMu.Lock()
		defer db.readMu.Unlock()
		if db.reader.closed {
			return driver.ErrClosed
		}
		return do(db.reader)
	})
}

func (db *database) close() error {
	db.writeMu.Lock()
	defer db.writeMu.Unlock()
	db.readMu.Lock()
	defer db.readMu.Unlock()
	for _, s := range []*session{db.writer, db.reader} {
		if s != nil && !s.closed {
			s.close()
		}
	}
	return db.pool.Close()
}

// retryBusy calls do until the file is not busy, for limit or until ctx ends. SQLite
// could wait itself, but in steps of up to 100 ms, and a write takes about 0.1 ms.
func retryBusy(ctx context.Context, limit time.Duration, do func() error) error {
	deadline := time.Time{}
	for wait := 100 * time.Microsecond; ; wait = min(wait*3/2, 5*time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := do()
		if !isBusy(err) {
			return unavailable(err)
		}
		switch now := time.Now(); {
		case deadline.IsZero():
			deadline = now.Add(limit)
		case now.After(deadline):
			return fmt.Errorf("others have kept the file locked for %v: %w", limit, driver.ErrUnavailable)
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// isBusy reports whether err says that another connection is in the way.
func isBusy(err error) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return false
	}
	code := failure.Code() & 0xff
	return code == sqlitecode.SQLITE_BUSY || code == sqlitecode.SQLITE_LOCKED
}

// unavailable marks failures of SQLite as such.
func unavailable(err error) error {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
	}
	return err
}
