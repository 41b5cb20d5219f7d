package pglock

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
)

// sessionUser is one session that has a lock or waits for it.
type sessionUser struct {
	pid, application, address, user, query string

	mode    driver.Mode
	granted bool
	since   time.Time // of a wait
}

// Inspect shows the sessions that hold the lock, and those that wait, foreign ones
// included. A holder's id is the server's process id, and its note says where it comes
// from; what waits here is known by its holder id.
func (d *sessionDriver) Inspect(ctx context.Context, name string) (driver.State, error) {
	state := driver.State{Name: name}
	users, err := d.users(ctx, name)
	for _, u := range users {
		if u.granted {
			state.Holders = append(state.Holders, u.holder())
		} else {
			state.Waiters = append(state.Waiters, u.waiter())
		}
	}
	return state, err
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
	users, err := d.users(ctx, name)
	switch {
	case err != nil:
		return err
	case len(users) == 0 || !users[0].granted && !users[len(users)-1].granted:
		return driver.ErrNotHeld
	}
	return fmt.Errorf("a session lock cannot be marked as broken: force ends the whole session of its holder: %w", driver.ErrUnsupported)
}

// Force ends the sessions that hold the lock, with all locks that they have.
func (d *sessionDriver) Force(ctx context.Context, name string) error {
	users, err := d.users(ctx, name)
	if err != nil {
		return err
	}
	ended := driver.ErrNotHeld
	for _, u := range users {
		if !u.granted {
			continue
		}
		ended = nil
		err := d.server.ask(ctx, func(pg *pgconn.PgConn) error {
			return pg.ExecParams(ctx, "SELECT pg_terminate_backend($1)", [][]byte{[]byte(u.pid)}, nil, nil, nil).Read().Err
		})
		if err != nil {
			return err
		}
	}
	return ended
}

// ask calls do with a connection, unless the driver is closed.
func (s *sessionServer) ask(ctx context.Context, do func(*pgconn.PgConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.aux.use(ctx, s, do); err != nil {
		return sessionExplain(err)
	}
	return nil
}

// users returns who holds name and then who waits, in the order of the line.
func (d *sessionDriver) users(ctx context.Context, name string) (users []sessionUser, err error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	err = d.server.ask(ctx, func(pg *pgconn.PgConn) error {
		result := pg.ExecParams(ctx, d.server.sql["inspect"], [][]byte{[]byte(d.server.Key(name))}, nil, nil, nil).Read()
		for _, row := range result.Rows {
			users = append(users, sessionUserOf(row))
		}
		return result.Err
	})
	return users, err
}

func sessionUserOf(row [][]byte) sessionUser {
	text := func(i int) string { return string(row[i]) }
	u := sessionUser{pid: text(0), granted: text(2) == "1", application: text(4), address: text(5), user: text(6), query: text(7)}
	if text(1) == "1" {
		u.mode = driver.Shared
	}
	if micros, err := strconv.ParseInt(text(3), 10, 64); err == nil {
		u.since = time.UnixMicro(micros)
	}
	return u
}

func (u *sessionUser) holder() driver.Holder {
	h := driver.Holder{Holder: "pid " + u.pid, Note: fmt.Sprintf("database session of %s from %s", u.user, u.address), Mode: u.mode}
	if owner, ours := strings.CutPrefix(u.application, "pawl"); ours {
		h.Owner = strings.TrimSpace(owner)
	} else {
		h.Note += ", program " + strconv.Quote(u.application)
	}
	return h
}

func (u *sessionUser) waiter() driver.Waiter {
	w := driver.Waiter{Mode: u.mode, Since: u.since}
	text, ours := strings.CutPrefix(u.query, "/* pawl waits ")
	text, _, _ = strings.Cut(text, " ") // cut off by the server when it is long
	fields := strings.Split(text, ".")
	if !ours || len(fields) != 3 {
		h := u.holder()
		w.Holder, w.Owner, w.Note = h.Holder, h.Owner, h.Note
		return w
	}
	for i, to := range []*string{&w.Holder, &w.Owner, &w.Note} {
		decoded, _ := base64.RawURLEncoding.DecodeString(fields[i]) // as far as it goes
		*to = string(decoded)
	}
	return w
}
