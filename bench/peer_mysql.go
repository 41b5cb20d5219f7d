package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// The same on both servers.
var (
	getLockMySQL   = getLockOn("mysql-session")
	getLockMariaDB = getLockOn("mariadb-session")
	upsertsMySQL   = upsertsOn("mysql")
	upsertsMariaDB = upsertsOn("mariadb")
)

func getLockOn(backend string) contender {
	return contender{
		name:     "raw",
		backend:  backend,
		settings: "GET_LOCK and RELEASE_LOCK through go-sql-driver/mysql with interpolateParams, a connection for each worker; no token, no loss detection",
		open: func(_ context.Context, rawURL string) (locker, error) {
			return eachOn(rawURL, func(conn *sql.Conn) handle { return getLock{conn} })
		},
	}
}

// eachOn returns a locker of a connection for each worker. Values travel within the
// statement, which saves a round trip.
func eachOn(rawURL string, as func(*sql.Conn) handle) (*apiece, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = u.User.Username(), "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.InterpolateParams = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	return &apiece{
		open: func(ctx context.Context) (handle, error) {
			conn, err := db.Conn(ctx)
			return as(conn), err
		},
		closer: db.Close,
	}, nil
}

type getLock struct{ conn *sql.Conn }

// lock waits for at most an hour, since MariaDB knows no wait without an end.
func (g getLock) lock(ctx context.Context, name string) error {
	return g.expectOne(ctx, "SELECT GET_LOCK(?, 3600)", name)
}

func (g getLock) unlock(name string) error {
	return g.expectOne(context.Background(), "SELECT RELEASE_LOCK(?)", name)
}

func (g getLock) expectOne(ctx context.Context, query, name string) error {
	var done sql.NullInt64
	err := g.conn.QueryRowContext(ctx, query, name).Scan(&done)
	if err == nil && done.Int64 != 1 {
		err = errors.New(query + ": not done")
	}
	return err
}

func (g getLock) close() error { return g.conn.Close() }

func upsertsOn(backend string) contender {
	return contender{
		name:     "upserts",
		backend:  backend,
		settings: "no lock: INSERT ... ON DUPLICATE KEY UPDATE of one row of its own, autocommit, a connection for each worker",
		plays:    []string{"own-key"},
		open: func(ctx context.Context, rawURL string) (locker, error) {
			l, err := eachOn(rawURL, func(conn *sql.Conn) handle { return myUpsert{getLock{conn}} })
			if err != nil {
				return nil, err
			}
			return l, makePlain(ctx, l)
		},
	}
}

func makePlain(ctx context.Context, l *apiece) error {
	h, err := l.take(ctx)
	if err != nil {
		return err
	}
	conn := h.(myUpsert).conn
	_, err = conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS plain (k VARBINARY(255) PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB")
	return errors.Join(err, h.close())
}

type myUpsert struct{ getLock }

func (u myUpsert) lock(ctx context.Context, name string) error {
	_, err := u.conn.ExecContext(ctx, "INSERT INTO plain VALUES (?, 1) ON DUPLICATE KEY UPDATE v = v + 1", name)
	return err
}

func (myUpsert) unlock(string) error { return nil }
