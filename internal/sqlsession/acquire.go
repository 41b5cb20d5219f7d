package sqlsession

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Acquire is driver.Driver's.
func (e *Engine) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if err := e.check(req); err != nil {
		return driver.Lease{}, err
	}
	h, lease, err := e.enlist(ctx, req)
	if h == nil {
		return lease, err
	}
	defer e.work.Done()
	err = e.try(ctx, h)
	if !req.NoWait && errors.Is(err, driver.ErrHeld) {
		err = e.stand(ctx, h)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.desert(h)
		return driver.Lease{}, err
	}
	return h.lease(), nil
}

// check refuses what no session can do.
func (e *Engine) check(req driver.Request) error {
	switch {
	case req.Slots != 0:
		return fmt.Errorf("slots: a database session has none, mode=table does: %w", driver.ErrUnsupported)
	case req.Mode == driver.Shared && !e.opts.Shared:
		return fmt.Errorf("shared: GET_LOCK is exclusive, mode=table has shared locks: %w", driver.ErrUnsupported)
	case req.TTL < e.opts.MinTTL || req.TTL > e.opts.MaxTTL:
		return fmt.Errorf("TTL %v: want %v to %v: %w", req.TTL, e.opts.MinTTL, e.opts.MaxTTL, driver.ErrInvalidOption)
	}
	return nil
}

// enlist makes a hold, which Close waits for until work.Done, or returns the lease that
// req.Holder has.
func (e *Engine) enlist(ctx context.Context, req driver.Request) (*hold, driver.Lease, error) {
	none := driver.Lease{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		switch h := e.holds[req.Holder]; {
		case ctx.Err() != nil:
			return nil, none, ctx.Err()
		case e.closing.Err() != nil:
			return nil, none, driver.ErrClosed
		case e.marks.has(req.Holder):
			return nil, none, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
		case h == nil:
			h = &hold{
				req: req, lock: Lock{Key: e.server.Key(req.Name), Shared: req.Mode == driver.Shared},
				timeout: e.server.Timeout(req.TTL), over: make(chan struct{}),
			}
			e.holds[req.Holder] = h
			e.work.Add(1)
			return h, none, nil
		case h.state == held && h.giving == nil:
			return nil, h.lease(), nil
		default: // what an Acquire before has left is being cleaned up
			e.mu.Unlock()
			_ = e.settled(ctx, h) // the loop looks
			e.mu.Lock()
		}
	}
}

func (h *hold) lease() driver.Lease {
	l := driver.Lease{Request: h.req, Token: h.token, Until: h.until}
	if h.session != nil {
		l.Lost = h.session.lost
	}
	return l
}

// desert gives up h on behalf of its Acquire: what it may still get is given back. mu
// is held.
func (e *Engine) desert(h *hold) {
	h.deserted = true
	switch {
	case h.state == gone:
	case h.state == held: // granted in the same moment
		e.giveBack(h)
	case h.session == nil:
		e.vanish(h)
	default: // a flight, or a wait that has been cancelled, decides
	}
}

// mostTries bounds how often a lock is tried again because its session has ended: once
// for all sessions that a pause or the server has ended meanwhile.
const mostTries = 3

// try takes h's lock if it is free. nil means that it is held by h.
func (e *Engine) try(ctx context.Context, h *hold) error {
	for n := 1; ; n++ {
		err := e.tryOnce(ctx, h)
		if n == mostTries || !errors.Is(err, ErrGone) {
			return err
		}
	}
}

func (e *Engine) tryOnce(ctx context.Context, h *hold) error {
	o := &op{kind: try, hold: h, done: make(chan struct{})}
	e.mu.Lock()
	if !e.uses[h.lock.Key].admits(h.lock) {
		e.mu.Unlock()
		return &driver.HeldError{}
	}
	s := e.pick(h)
	if s == nil {
		e.mu.Unlock()
		return driver.ErrClosed
	}
	e.place(h, s)
	s.add(o)
	e.mu.Unlock()
	timer := time.NewTimer(e.opts.Timeout)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing.Done():
		return driver.ErrClosed
	case <-timer.C:
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, e.opts.Timeout)
	}
	if o.err == nil && o.token == 0 {
		return &driver.HeldError{}
	}
	return o.err
}

// Sessions are picked so that a client's locks share few of them: one flight is on the
// server while the answers of another are being read. More than that only pays off
// for one lock at a time.
const (
	shareSessions = 2
	crowded       = 4 // waiting operations that are worth another session
)

// pick returns the session to try h's lock on: one with leases of the same timeout and
// without this lock, or an empty one, or a new one. mu is held; nil when the engine
// is closed.
func (e *Engine) pick(h *hold) *session {
	var best *session
	same := 0
	for _, s := range e.sessions {
		if s.waiting || s.locks[h.lock.Key] != nil || s.stalled() {
			continue
		}
		if s.timeout == h.timeout {
			same++
		} else if !s.empty() {
			continue
		}
		if best == nil || s.load(h) < best.load(h) {
			best = s
		}
	}
	if best == nil || len(best.pending) >= crowded && same < shareSessions {
		best = e.open(h.req.Owner)
	}
	if best != nil {
		best.timeout = h.timeout
	}
	return best
}

// stalled reports whether s has been without an answer for so long that others are
// better off elsewhere. mu is held.
func (s *session) stalled() bool { return s.flying && time.Since(s.departed) > time.Second }

// load orders sessions by how soon they could serve h. mu is held.
func (s *session) load(h *hold) int {
	load := 2 * len(s.pending)
	if s.timeout != h.timeout {
		load++
	}
	return load
}

// grant makes h a lease that was proved by what was sent at sent. mu is held.
func (e *Engine) grant(h *hold, token uint64, sent time.Time) {
	h.state, h.token = held, token
	h.trust(sent)
	h.timer = time.AfterFunc(time.Until(h.expires), func() { e.expire(h) })
}

// trust counts h's TTL from sent.
func (h *hold) trust(sent time.Time) {
	h.until, h.expires = driver.Trust(sent, h.req.TTL), sent.Add(h.req.TTL)
	h.session.trusted = h.until
}

// expire gives h back when it was not renewed: to the server it would live as long as
// others on its session.
func (e *Engine) expire(h *hold) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h.state != held || e.closing.Err() != nil {
		return
	}
	if left := time.Until(h.expires); left > 0 {
		h.timer.Reset(left)
		return
	}
	if h.giving == nil {
		e.giveBack(h)
	}
}

// giveBack begins to unlock what h has. mu is held.
func (e *Engine) giveBack(h *hold) *op {
	if h.giving == nil {
		h.giving = &op{kind: unlock, hold: h, done: make(chan struct{})}
		h.session.add(h.giving)
	}
	return h.giving
}
