package pglock

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// Inspect shows the sessions that hold the lock, and those that wait, foreign ones
// included. A holder's id is the server's process id, and its note says where it comes
// from; what waits here is known by its holder id.
func (d *sessionDriver) Inspect(ctx context.Context, name string) (driver.State, error) {
	users, err := d.users(ctx, name)
	return sqlsession.State(name, users), err
}

// List is not possible: a hash does not tell its name.
func (d *sessionDriver) List(context.Context, string) ([]driver.State, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the server knows advisory locks by the hashes of their names: inspect one name, or use mode=table: %w", driver.ErrUnsupported)
}

// Break is not possible; see NewSession.
func (d *sessionDriver) Break(ctx context.Context, name string) error {
	_, err := d.holders(ctx, name)
	if err == nil {
		err = sqlsession.ErrBreak
	}
	return err
}

// Force ends the sessions that hold the lock, with all locks that they have.
func (d *sessionDriver) Force(ctx context.Context, name string) error {
	holders, err := d.holders(ctx, name)
	if err != nil {
		return err
	}
	return d.server.ask(ctx, func(pg *pgconn.PgConn) error {
		for _, h := range holders {
			pid := strings.TrimPrefix(h.ID, "pid ")
			if err := pg.ExecParams(ctx, "SELECT pg_terminate_backend($1)", [][]byte{[]byte(pid)}, nil, nil, nil).Read().Err; err != nil {
				return err
			}
		}
		return nil
	})
}

// ask calls do with a connection that has nothing to do with locks.
func (s *sessionServer) ask(ctx context.Context, do func(*pgconn.PgConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.aux.use(ctx, s, do); err != nil {
		return sessionExplain(err)
	}
	return nil
}

func (d *sessionDriver) holders(ctx context.Context, name string) ([]sqlsession.User, error) {
	users, err := d.users(ctx, name)
	if err != nil {
		return nil, err
	}
	return sqlsession.Holders(users)
}

// users returns who holds name and who waits, in the order of the line.
func (d *sessionDriver) users(ctx context.Context, name string) (users []sqlsession.User, err error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	err = d.server.ask(ctx, func(pg *pgconn.PgConn) error {
		result := pg.ExecParams(ctx, d.server.sql["inspect"], [][]byte{[]byte(d.server.Key(name))}, nil, nil, nil).Read()
		for _, row := range result.Rows {
			users = append(users, sessionUser(row))
		}
		return result.Err
	})
	return users, err
}

// sessionUser reads a row of inspect.sql.
func sessionUser(row [][]byte) sqlsession.User {
	text := func(i int) string { return string(row[i]) }
	u := sqlsession.User{
		ID: "pid " + text(0), Granted: text(2) == "1", Program: text(4), From: text(6) + " from " + text(5), Query: text(7),
	}
	if text(1) == "1" {
		u.Mode = driver.Shared
	}
	if micros, err := strconv.ParseInt(text(3), 10, 64); err == nil {
		u.Since = time.UnixMicro(micros)
	}
	return u
}
