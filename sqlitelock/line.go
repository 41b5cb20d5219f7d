package sqlitelock

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// usage is how a name is in use.
type usage struct {
	leases int
	mode   driver.Mode
	slots  int
}

// admits reports whether req may hold beside the present leases.
func (u usage) admits(req *driver.Request) bool {
	switch {
	case u.leases == 0:
		return true
	case req.Slots > 0:
		return u.leases < req.Slots
	}
	return req.Mode == driver.Shared && u.mode == driver.Shared
}

// waiting is a request in line, and whose it is.
type waiting struct {
	req    driver.Request
	client string
}

func (c *conn) now() (now int64, err error) {
	err = c.db.query("now").Scan(&now)
	return now, err
}

func (c *conn) usage(name []byte) (u usage, err error) {
	err = c.db.query("usage", name).Scan(&u.leases, &u.mode, &u.slots)
	return u, err
}

// next returns the head of the line.
func (c *conn) next(name []byte) (w waiting, found bool, err error) {
	var ttl int64
	w.req.Name = string(name)
	err = c.db.query("next", name).Scan(&w.req.Holder, &w.client, &w.req.Mode, &w.req.Slots, &ttl, &w.req.Owner, &w.req.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return w, false, nil
	}
	w.req.TTL = time.Duration(ttl) * time.Microsecond
	return w, err == nil, err
}

// sweep drops what has run out on name and grants the lock to those at the head of
// the line who may have it: for the claim window, in which they have to take it. It
// runs in a transaction and returns the time.
func (c *conn) sweep(name []byte) (now int64, err error) {
	if now, err = c.now(); err != nil {
		return 0, err
	}
	if _, err := c.db.exec("expire_leases", name, now); err != nil {
		return 0, err
	}
	if _, err := c.db.exec("expire_waiters", name, now); err != nil {
		return 0, err
	}
	for {
		w, found, err := c.next(name)
		if err != nil || !found {
			return now, err
		}
		use, err := c.usage(name)
		if err != nil || !use.admits(&w.req) {
			return now, err
		}
		if _, err := c.db.exec("drop_waiter", w.req.Holder); err != nil {
			return 0, err
		}
		if _, err := c.grant(w, now, now+min(claimWindow, w.req.TTL).Microseconds(), false); err != nil {
			return 0, err
		}
	}
}

// grant makes a holder of w from now until until, and returns its token.
func (c *conn) grant(w waiting, now, until int64, claimed bool) (token int64, err error) {
	err = c.db.query("grant", []byte(w.req.Name), w.req.Holder, w.client, w.req.Mode, w.req.Slots,
		w.req.TTL.Microseconds(), w.req.Owner, now, until, w.req.Note, claimed).Scan(&token)
	return token, err
}

// heldBy returns a HeldError that tells of the first holder.
func (c *conn) heldBy(name string) (held, err error) {
	states, err := c.db.writer.states(name, false)
	if err != nil {
		return nil, err
	}
	if len(states) == 0 || len(states[0].Holders) == 0 {
		return &driver.HeldError{}, nil
	}
	h := states[0].Holders[0]
	return &driver.HeldError{Owner: h.Owner, Since: h.Since, Until: h.Until}, nil
}
