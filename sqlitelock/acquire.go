package sqlitelock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if req.Slots == 0 {
		lease, err := c.acquireFree(ctx, &req)
		if err != nil || lease.Token != 0 {
			return lease, err
		}
	}
	lease, err := c.acquireSettled(ctx, &req)
	if !errors.Is(err, errInLine) {
		return lease, err
	}
	turn := c.watch.join(&req)
	defer c.watch.leave(&req)
	for {
		select {
		case <-turn:
		case <-ctx.Done():
			return driver.Lease{}, ctx.Err()
		case <-c.watch.closed:
			return driver.Lease{}, driver.ErrClosed
		}
		lease, err := c.claim(ctx, &req)
		if err != nil || lease.Token != 0 {
			return lease, err
		}
		// Passed over after a pause, or the first lease in the way has run out.
		if lease, err = c.acquireSettled(ctx, &req); !errors.Is(err, errInLine) {
			return lease, err
		}
	}
}

// errInLine: the request stands in line.
var errInLine = errors.New("in line")

// acquireFree grants req when nothing is in its way, in one statement; otherwise it
// returns a lease without a token.
func (c *conn) acquireFree(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	return c.grantOne(ctx, req, "acquire",
		[]byte(req.Name), req.Holder, c.client, req.Mode, req.TTL.Microseconds(), req.Owner, req.Note)
}

// claim takes what was granted to req in line; when nothing was, it returns a lease
// without a token.
func (c *conn) claim(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	return c.grantOne(ctx, req, "claim", []byte(req.Name), req.Holder, nil)
}

func (c *conn) grantOne(ctx context.Context, req *driver.Request, statement string, args ...any) (driver.Lease, error) {
	var lease driver.Lease
	err := c.db.write(ctx, false, func(sent time.Time) error {
		var token int64
		err := c.db.query(statement, args...).Scan(&token)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		lease = leaseOf(req, token, driver.Trust(sent, req.TTL))
		return nil
	})
	return lease, err
}

// acquireSettled settles in one transaction what req comes to: a lease, a place in
// line (errInLine), or a refusal.
func (c *conn) acquireSettled(ctx context.Context, req *driver.Request) (lease driver.Lease, err error) {
	var outcome error // is committed with what led to it
	err = c.db.write(ctx, true, func(sent time.Time) error {
		var err error
		lease, outcome, err = c.settle(req, sent)
		return err
	})
	if err == nil {
		err = outcome
	}
	return lease, err
}

func (c *conn) settle(req *driver.Request, sent time.Time) (lease driver.Lease, outcome, err error) {
	name := []byte(req.Name)
	now, err := c.sweep(name)
	if err != nil {
		return lease, nil, err
	}
	var marked int
	if err := c.db.query("marked", req.Holder, now).Scan(&marked); err != nil {
		return lease, nil, err
	}
	if marked > 0 {
		return lease, fmt.Errorf("released before it arrived: %w", driver.ErrLost), nil
	}
	token, left, has, err := c.own(name, req, now)
	switch {
	case err != nil:
		return lease, nil, err
	case has && token == 0 && req.NoWait:
		return lease, &driver.HeldError{}, nil
	case has && token == 0:
		return lease, errInLine, nil
	case has:
		return leaseOf(req, token, driver.Trust(sent, left)), nil, nil
	}
	free, outcome, err := c.free(name, req)
	switch {
	case err != nil || outcome != nil:
		return lease, outcome, err
	case free:
		token, err = c.grant(waiting{req: *req, client: c.client}, now, now+req.TTL.Microseconds(), true)
		return leaseOf(req, token, driver.Trust(sent, req.TTL)), nil, err
	case req.NoWait:
		outcome, err = c.heldBy(req.Name)
		return lease, outcome, err
	}
	_, err = c.db.exec("enqueue", name, req.Holder, c.client, req.Mode, req.Slots, req.TTL.Microseconds(),
		req.Owner, req.Note, now, c.placeTTL.Microseconds())
	return lease, errInLine, err
}

// own returns what req's holder id has: a lease with its token and the time left to
// it, which is claimed as of now if it was not, or a place in line without a token. What
// has run out by now was swept away.
func (c *conn) own(name []byte, req *driver.Request, now int64) (token int64, left time.Duration, has bool, err error) {
	var leftMicros int64
	var claimed bool
	err = c.db.query("own", name, req.Holder, now).Scan(&token, &leftMicros, &claimed)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, false, nil
	}
	left = time.Duration(leftMicros) * time.Microsecond
	if err == nil && token != 0 && !claimed {
		left = req.TTL
		err = c.db.query("claim", name, req.Holder, now).Scan(&token)
	}
	return token, left, true, err
}

// free reports whether req can be granted now, or why it never can.
func (c *conn) free(name []byte, req *driver.Request) (free bool, outcome, err error) {
	use, err := c.usage(name)
	if err != nil {
		return false, nil, err
	}
	next, waiting, err := c.next(name)
	if err != nil {
		return false, nil, err
	}
	slots := use.slots
	if use.leases == 0 && waiting {
		slots = next.req.Slots
	}
	if (use.leases > 0 || waiting) && slots != req.Slots {
		return false, fmt.Errorf("in use with %d slots (0 is none), not %d: %w", slots, req.Slots, driver.ErrInvalidOption), nil
	}
	return !waiting && use.admits(req), nil, nil
}

// leave takes req out of the leases or the line. Unless it had claimed its lease, it
// is marked as released before it arrived.
func (c *conn) leave(name []byte, req *driver.Request) error {
	now, err := c.now()
	if err != nil {
		return err
	}
	var claimed bool
	err = c.db.query("drop_lease", name, req.Holder).Scan(&claimed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if !claimed {
		if err := c.mark(req, now); err != nil {
			return err
		}
	}
	_, err = c.sweep(name)
	return err
}

// mark takes req out of the line, if it is there, and keeps it from coming back.
func (c *conn) mark(req *driver.Request, now int64) error {
	if _, err := c.db.exec("drop_waiter", req.Holder); err != nil {
		return err
	}
	if _, err := c.db.exec("expire_marks", now); err != nil {
		return err
	}
	_, err := c.db.exec("mark", req.Holder, now+req.TTL.Microseconds())
	return err
}

func leaseOf(req *driver.Request, token int64, until time.Time) driver.Lease {
	return driver.Lease{Request: *req, Token: uint64(token), Until: until}
}
