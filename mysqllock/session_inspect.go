package mysqllock

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// sessionUser is one session that has a lock or waits for it.
type sessionUser struct {
	id, user, host, query, program string

	granted bool
	waits   time.Duration
}

// Inspect shows the session that holds the lock, and those that wait: on MariaDB those of
// this driver. A holder's id is the server's connection id, and its note says where it
// comes from; what waits here is known by its holder id.
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

// List is not possible: a hash does not tell its name, and MariaDB tells none.
func (d *sessionDriver) List(context.Context, string) ([]driver.State, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the server does not tell the names of session locks: inspect one name, or use mode=table: %w", driver.ErrUnsupported)
}

// Break is not possible; see NewSession.
func (d *sessionDriver) Break(ctx context.Context, name string) error {
	users, err := d.users(ctx, name)
	switch {
	case err != nil:
		return err
	case len(users) == 0 || !users[0].granted:
		return driver.ErrNotHeld
	}
	return fmt.Errorf("a session lock cannot be marked as broken: force ends the whole session of its holder: %w", driver.ErrUnsupported)
}

// Force ends the session that holds the lock, with all locks that it has.
func (d *sessionDriver) Force(ctx context.Context, name string) error {
	users, err := d.users(ctx, name)
	switch {
	case err != nil:
		return err
	case len(users) == 0 || !users[0].granted:
		return driver.ErrNotHeld
	}
	_, err = d.server.ask(ctx, "KILL "+users[0].id)
	return err
}

// users returns who holds name and then who waits, in the order of the line.
func (d *sessionDriver) users(ctx context.Context, name string) ([]sessionUser, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	file := "inspect_mysql"
	if d.server.mariaDB {
		file = "inspect_mariadb"
	}
	key := d.server.Key(name)
	rows, err := d.server.ask(ctx, strings.NewReplacer("{key}", key, "{comment}", sessionComment(key)).Replace(sessionSQL(file)))
	if ctx.Err() != nil && !errors.Is(err, driver.ErrClosed) {
		err = ctx.Err()
	}
	var users []sessionUser
	for _, row := range rows {
		micros, _ := strconv.ParseInt(row[5], 10, 64) // 0 when it is not known
		users = append(users, sessionUser{
			id: row[0], granted: row[1] == "1", user: row[2], host: row[3], query: row[4],
			waits: time.Duration(micros) * time.Microsecond, program: row[6],
		})
	}
	return users, err
}

func (u *sessionUser) holder() driver.Holder {
	h := driver.Holder{Holder: "connection " + u.id, Note: fmt.Sprintf("database session of %s from %s", u.user, u.host)}
	if owner, ours := strings.CutPrefix(u.program, "pawl"); ours {
		h.Owner = strings.TrimSpace(owner)
	} else if u.program != "" {
		h.Note += ", program " + strconv.Quote(u.program)
	}
	return h
}

func (u *sessionUser) waiter() driver.Waiter {
	w := driver.Waiter{}
	text, ours := strings.CutPrefix(u.query, "SELECT /* pawl waits ")
	_, text, _ = strings.Cut(text, " ") // the key
	text, _, _ = strings.Cut(text, " ") // cut off by the server when it is long
	fields := strings.Split(text, ".")
	if !ours || len(fields) != 4 {
		h := u.holder()
		w.Holder, w.Owner, w.Note, w.Since = h.Holder, h.Owner, h.Note, time.Now().Add(-u.waits)
		return w
	}
	// The waiter's own clock: the server's time would be another with each look.
	if micros, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
		w.Since = time.UnixMicro(micros)
	}
	for i, to := range []*string{&w.Holder, &w.Owner, &w.Note} {
		decoded, _ := base64.RawURLEncoding.DecodeString(fields[i+1]) // as far as it goes
		*to = string(decoded)
	}
	return w
}
