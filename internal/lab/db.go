package lab

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	_ "modernc.org/sqlite"             // registers sqlite

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

// wantDB is the right form of a database URL.
const wantDB = "want sqlite:///absolute/path, sqlite://./relative/path, mysql://user:password@host:port/database or " +
	"postgres://user:password@host:port/database"

// CheckDB returns why rawURL names no database that the lab can use. It does not
// look at the database.
func CheckDB(rawURL string) error {
	_, err := parseDB(rawURL)
	return err
}

// parseDB reads a database URL. Its errors show no password.
func parseDB(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: not a URL; %s", wantDB)
	}
	ok := false
	switch u.Scheme {
	case "sqlite":
		ok = u.Opaque == "" && u.User == nil && u.RawQuery == "" && u.Path != "" && (u.Host == "" || u.Host == "." || u.Host == "..")
	case "mysql":
		ok = u.Opaque == "" && u.Host != "" && strings.Trim(u.Path, "/") != "" && u.RawQuery == ""
	case "postgres":
		ok = u.Opaque == "" && u.Host != ""
	}
	if !ok {
		return nil, fmt.Errorf("database URL %q: %s", u.Redacted(), wantDB)
	}
	return u, nil
}

// fileURL returns the URL of a SQLite file at an absolute path.
func fileURL(path string) string { return (&url.URL{Scheme: "sqlite", Path: path}).String() }

// OpenDB opens the database of rawURL for so many connections at once. Its errors show
// no password.
func OpenDB(ctx context.Context, rawURL string, conns int) (*DB, error) {
	u, err := parseDB(rawURL)
	if err != nil {
		return nil, err
	}
	db := &DB{}
	switch u.Scheme {
	case "mysql":
		db.Dialect = fence.MySQL
		db.DB, err = openMySQL(u)
	case "postgres":
		db.Dialect = fence.PostgreSQL
		db.DB, err = sql.Open("pgx", u.String())
	default:
		db.Dialect = fence.SQLite
		db.DB, err = openSQLite(u.Host + u.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", u.Redacted(), err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		hint := "want a database that is there, and may be written to"
		if db.Dialect == fence.SQLite {
			hint = "want a SQLite file, or a new one in a folder that is there"
		}
		return nil, fmt.Errorf("database %s: %w; %s: %w", u.Redacted(), err, hint, pawl.ErrInvalidOption)
	}
	return db, nil
}

func openSQLite(path string) (*sql.DB, error) {
	// Every transaction of the lab writes. One that began as a reader could not
	// become a writer once another has written.
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)",
			"synchronous(NORMAL)",
		},
	}.Encode()}).String())
}

func openMySQL(u *url.URL) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.Trim(u.Path, "/")
	if u.Port() == "" {
		config.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.ParseTime = true
	config.Logger = &mysql.NopLogger{} // a worker's standard error is for its end
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
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

// AutoKey returns the type of a primary key whose values the database makes up.
func (db *DB) AutoKey() string {
	switch db.Dialect {
	case fence.MySQL:
		return "BIGINT AUTO_INCREMENT PRIMARY KEY"
	case fence.PostgreSQL:
		return "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	}
	return "INTEGER PRIMARY KEY"
}

// ExecAll runs statements one after the other.
func (db *DB) ExecAll(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Tx runs fn in a transaction and commits it unless fn returns an error, which Tx
// returns then.
func (db *DB) Tx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return db.TxOptions(ctx, nil, fn)
}

// TxOptions is Tx with other options than the database's default.
func (db *DB) TxOptions(ctx context.Context, opts *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing to undo after the commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
