package lab

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the database of the lab

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/fence"
)

// busyTimeout is how long SQLite keeps trying to get at a file that another process
// writes to: longer than any pause, so that a pause shows as latency and not as an
// error.
const busyTimeout = 20 * time.Second

// DB is the database that the race is about.
type DB struct {
	*sql.DB
	Dialect fence.Dialect
}

// CheckDB returns why rawURL names no database that the lab can use. It does not
// look at the database.
func CheckDB(rawURL string) error {
	_, err := dbPath(rawURL)
	return err
}

// dbPath returns the file of a SQLite URL.
func dbPath(rawURL string) (string, error) {
	const want = "want sqlite:///absolute/path or sqlite://./relative/path"
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return "", fmt.Errorf("database URL: %w; %s", err, want)
	case u.Scheme != "sqlite":
		return "", fmt.Errorf("database URL %q: the lab runs on SQLite only so far; %s", u.Redacted(), want)
	case u.Opaque != "", u.User != nil, u.RawQuery != "", u.Path == "", u.Host != "" && u.Host != "." && u.Host != "..":
		return "", fmt.Errorf("database URL %q: %s", u.Redacted(), want)
	}
	return u.Host + u.Path, nil
}

// fileURL returns the URL of a SQLite file at an absolute path.
func fileURL(path string) string { return (&url.URL{Scheme: "sqlite", Path: path}).String() }

// openDB opens the database of rawURL for so many connections at once.
func openDB(ctx context.Context, rawURL string, conns int) (*DB, error) {
	path, err := dbPath(rawURL)
	if err != nil {
		return nil, err
	}
	// Every transaction of the lab writes. One that began as a reader could not
	// become a writer once another has written.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)",
			"synchronous(NORMAL)",
		},
	}.Encode()}).String()
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", rawURL, err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("database %s: %w; want a SQLite file, or a new one in a folder that is there: %w", rawURL, err, pawl.ErrInvalidOption)
	}
	return &DB{DB: pool, Dialect: fence.SQLite}, nil
}

// SQL returns query, which is written with question marks, with the placeholders of
// the database. No text in it may contain one.
func (db *DB) SQL(query string) string {
	if db.Dialect != fence.PostgreSQL {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts[:len(parts)-1] {
		b.WriteString(part + "$" + strconv.Itoa(i+1))
	}
	return b.String() + parts[len(parts)-1]
}

// Tx runs fn in a transaction and commits it unless fn returns an error, which Tx
// returns then.
func (db *DB) Tx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing to undo after the commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
