package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// How long a statement of pawl waits for somebody else's row or table lock: short, since
// writers of the application queue up behind a DDL that waits.
const lockWait = 5 * time.Second

// cleanUpTimeout bounds what is put right after the job's context has ended.
const cleanUpTimeout = 30 * time.Second

const wantURL = "want mysql://USER:PASSWORD@HOST:PORT/DATABASE, postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///absolute/path"

// Open returns the database of a URL, and how to speak to it. The caller closes it.
// Errors name no password.
func Open(ctx context.Context, rawURL string) (*Database, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	var db *Database
	var e engine = pgEngine{}
	switch u.Scheme {
	case "sqlite":
		e = sqliteEngine{}
		db, err = openSQLite(u)
	case "mysql":
		e = mysqlEngine{}
		db, err = openMySQL(ctx, u)
	default:
		db, err = openPostgres(rawURL)
	}
	if err == nil {
		db.id = identity(u)
		db.SetMaxOpenConns(2)
		if err = db.PingContext(ctx); err == nil {
			return db, nil
		}
		_ = db.Close()
	}
	return nil, fmt.Errorf("database %s: %w", identity(u), explain(e, err))
}

// Database is a database to work on.
type Database struct {
	*sql.DB
	engine engine
	id     string
}

// identity is the same for all who work on one database by the same address, and shows
// neither user nor password.
func identity(u *url.URL) string {
	host := strings.Replace(strings.ToLower(u.Host), "localhost", "127.0.0.1", 1)
	return u.Scheme + "://" + host + u.Path
}

func checkURL(rawURL string) error {
	_, err := parseURL(rawURL)
	return err
}

// parseURL does not show what it cannot read: that may hold a password.
func parseURL(rawURL string) (*url.URL, error) {
	if rawURL == "" {
		return nil, usage("no database: want --db with %s", strings.TrimPrefix(wantURL, "want "))
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, usage("database URL (not shown, it may hold a password): not a URL; %s, special characters written as %%40 for @", wantURL)
	}
	switch u.Scheme {
	case "sqlite":
		if u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Path == "" || u.Host != "" && u.Host != "." && u.Host != ".." {
			return nil, usage("database URL %q: want sqlite:///absolute/path or sqlite://./relative/path", identity(u))
		}
	case "mysql", "postgres", "postgresql":
		if u.Host == "" || strings.Trim(u.Path, "/") == "" || strings.Count(u.Path, "/") != 1 {
			return nil, usage("database URL %q: %s", identity(u), wantURL)
		}
	default:
		return nil, usage("database URL %q: unknown scheme; %s", identity(u), wantURL)
	}
	return u, nil
}

// one returns the single row of a query.
func one(ctx context.Context, db *sql.DB, query string, args []any, into ...any) (bool, error) {
	err := db.QueryRowContext(ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls row for each row of a query, after it has been scanned into into.
func each(ctx context.Context, db querier, query string, args []any, into []any, row func()) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row()
	}
	return rows.Err()
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// values returns the rows of a query with so many columns. The values belong to the
// caller.
func values(ctx context.Context, db querier, s *statement, columns int) (all [][]any, err error) {
	row := make([]any, columns)
	into := make([]any, columns)
	for i := range row {
		into[i] = &row[i]
	}
	err = each(ctx, db, s.text.String(), s.args, into, func() {
		for i, v := range row {
			if raw, ok := v.([]byte); ok && raw == nil {
				row[i] = []byte{} // SQLite's driver gives an empty blob as nil, which would go back as NULL
			}
		}
		all = append(all, append([]any(nil), row...))
	})
	return all, err
}
