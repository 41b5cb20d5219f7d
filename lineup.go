package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// lineKey is what must be equal for a lease to pass between two goroutines.
type lineKey struct {
	name string
	mode driver.Mode
	ttl  time.Duration
}

// A lineup is the local line of the goroutines of one client that want the same
// name in the same way. It stands in the backend's line once for all of them, in
// a goroutine and on a context of its own, so that one who gives up costs nobody
// else the place. Client.mu guards it.
//
// There is a lineup while anything of it is in use; proceed takes it away.
type lineup struct {
	key     lineKey
	waiters waiterList

	asking   int32  // calls under way that ask the backend before they wait
	trying   int32  // calls under way that only ask
	standing *stand // not nil while a goroutine stands in the backend's line
	open     *grant // the lease that is held, and passed on or shared with newcomers
	leaving  *grant // the lease that is being given back
}

// A stand is one time of standing in the backend's line.
type stand struct{ cancel context.CancelFunc }

// busy reports whether a newcomer has to queue.
func (l *lineup) busy() bool {
	return l.asking > 0 || l.open != nil || l.leaving != nil || l.waiters.first != nil
}

// takeInLine gets a lock by way of the local line.
func (c *Client) takeInLine(ctx context.Context, name string, s settings) (*Lock, error) {
	key := lineKey{name, s.mode, s.ttl}
	now := c.clock()
	c.mu.Lock()
	if !c.enter() {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	l := c.lineups[key]
	if l == nil {
		l = &lineup{key: key}
		c.lineups[key] = l
	}
	if lock := l.join(ctx, c, now); lock != nil {
		c.leave()
		c.mu.Unlock()
		c.observe(HandedOn, &lock.grant.lease.Request, lock.token, now.mono, nil)
		return lock, nil
	}
	var w *waiter
	if l.busy() && !s.noWait() {
		w = l.waiters.append(ctx, now.mono)
	} else {
		lock, err := c.ask(ctx, l, s) // unlocks mu meanwhile
		if lock != nil || !errors.Is(err, ErrHeld) || s.waited(now.mono) {
			c.proceed(l)
			c.leave()
			c.mu.Unlock()
			if lock != nil {
				c.observe(Acquired, &lock.grant.lease.Request, lock.token, now.mono, nil)
			}
			return lock, err
		}
		w = l.waiters.prepend(ctx, now.mono) // the others came while it asked
		if l.open != nil {
			c.admit(l, c.clock()) // a TryLock may have got meanwhile what readers share
		}
	}
	c.proceed(l)
	c.leave()
	c.mu.Unlock()
	return c.await(ctx, l, w, s)
}

// join returns a lock that shares the lineup's open lease, or nil. mu is held.
func (l *lineup) join(ctx context.Context, c *Client, now instant) *Lock {
	if l.key.mode != driver.Shared || l.open == nil {
		return nil
	}
	if !l.open.canPassOn(c, now) {
		l.open = nil // its readers go on; it is given back when the last one leaves
		return nil
	}
	return l.open.add(ctx, c, now.mono)
}

// ask asks the backend without waiting, on the caller's goroutine and context, so
// that an uncontended lock costs one round trip and no goroutine. mu is held
// before and after but not meanwhile.
func (c *Client) ask(ctx context.Context, l *lineup, s settings) (*Lock, error) {
	if g := l.open; g != nil && l.key.mode == driver.Exclusive {
		return nil, &HeldError{Name: l.key.name, Owner: c.opts.Owner, Since: g.since, Until: g.lease.Until}
	}
	calls := &l.asking
	if s.noWait() {
		calls = &l.trying // nobody's standing in line waits for its end
	}
	*calls++
	inLine := l.waiters.first != nil // then it only tries, and must not pass them
	c.mu.Unlock()
	var g *grant
	var err error
	if inLine {
		err = c.heldError(ctx, l.key.name)
	} else {
		g, err = c.askOnce(ctx, c.request(l.key.name, s, true), s)
	}
	c.mu.Lock()
	*calls--
	switch {
	case c.closed && err == nil:
		c.cleanUp(g.lease.Request, nil)
		return nil, ErrClosed
	case c.closed:
		return nil, ErrClosed
	case err != nil:
		return nil, err
	}
	lock := g.add(ctx, c, g.since)
	c.install(l, g)
	return lock, nil
}

// shortestAsk is how long the backend has to answer at least, however short the
// waiting may be: over a network, a free lock takes a round trip too.
const shortestAsk = time.Second

// askOnce asks the backend without waiting in line, and does not wait for its answer
// much longer than Wait allows.
func (c *Client) askOnce(ctx context.Context, req driver.Request, s settings) (*grant, error) {
	bounded := ctx
	if s.waitSet && s.wait > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, max(s.wait, shortestAsk))
		defer cancel()
	}
	g, err := c.acquire(bounded, req)
	if err == nil {
		return g, nil
	}
	var held *driver.HeldError
	switch {
	case errors.As(err, &held):
		return nil, &HeldError{Name: req.Name, Owner: held.Owner, Since: held.Since, Until: held.Until}
	case ctx.Err() != nil:
		return nil, endOf(ctx)
	case bounded.Err() != nil:
		return nil, fmt.Errorf("no answer within %v: %w", max(s.wait, shortestAsk), ErrUnavailable)
	}
	return nil, err
}

// install makes g the open lease of l and admits those who wait for it. mu is held.
func (c *Client) install(l *lineup, g *grant) {
	g.line = l
	l.open = g
	c.grants++
	c.keeper.add(g)
	c.admit(l, c.clock())
	c.proceed(l)
}

// admit gives the open lease of l to those in line who may have it now: to the
// first when nobody holds it, and to readers for as long as it may be shared. mu
// is held.
func (c *Client) admit(l *lineup, now instant) {
	g := l.open
	for l.waiters.first != nil {
		if len(g.locks) > 0 && (l.key.mode == driver.Exclusive || !g.canPassOn(c, now)) {
			break
		}
		w := l.waiters.first
		l.waiters.remove(w)
		w.finish(g.add(w.ctx, c, now.mono), nil)
	}
	if l.key.mode == driver.Shared && l.waiters.first != nil {
		l.open = nil // the others need a lease of their own
	}
	c.abandonStand(l)
}

// passOn hands g, from which a lock was removed, to the next in the local line. It
// returns true when g is out of use and has to be given back. mu is held.
func (c *Client) passOn(g *grant, now instant) bool {
	l := g.line
	if g.lost != nil {
		if len(g.locks) == 0 {
			c.cleanUp(g.lease.Request, g.renewal()) // the backend may not know yet that it is lost
		}
		return false
	}
	if l != nil && l.open == g && g.canPassOn(c, now) {
		c.admit(l, now)
	}
	if len(g.locks) > 0 {
		return false
	}
	c.keeper.remove(g)
	if l != nil && l.open == g {
		l.open, l.leaving = nil, g
	}
	return true
}

// proceed does what is next for l when nothing is under way: it stands in the
// backend's line for those who wait, or takes l away. mu is held.
func (c *Client) proceed(l *lineup) {
	switch {
	case l.asking > 0 || l.standing != nil || l.open != nil || l.leaving != nil:
		// whoever ends that calls proceed again
	case l.waiters.first == nil:
		if c.lineups[l.key] == l && l.trying == 0 {
			delete(c.lineups, l.key)
		}
	default:
		c.stand(l)
	}
}

// stand stands in the backend's line for l. mu is held.
func (c *Client) stand(l *lineup) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.waiters.first.ctx))
	s := &stand{cancel}
	l.standing = s
	req := c.request(l.key.name, settings{mode: l.key.mode, ttl: l.key.ttl}, false)
	c.background(func() {
		defer cancel()
		g, err := c.acquire(ctx, req)
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.standing != s { // all have left meanwhile
			if err == nil {
				c.cleanUp(g.lease.Request, nil)
			}
			return
		}
		l.standing = nil
		if err != nil {
			c.dismiss(l, err)
			c.proceed(l)
			return
		}
		c.install(l, g)
	})
}

// dismiss sends everybody in l away with err. mu is held.
func (c *Client) dismiss(l *lineup, err error) {
	for l.waiters.first != nil {
		w := l.waiters.first
		l.waiters.remove(w)
		w.finish(nil, err)
	}
	c.abandonStand(l)
}

// abandonStand leaves the backend's line when nobody waits any more. mu is held.
func (c *Client) abandonStand(l *lineup) {
	if l.standing != nil && l.waiters.first == nil {
		l.standing.cancel()
		l.standing = nil
	}
}

// await waits until w, which is in line, has a lock, or until ctx or Wait ends.
func (c *Client) await(ctx context.Context, l *lineup, w *waiter, s settings) (*Lock, error) {
	req := driver.Request{Name: l.key.name, Mode: l.key.mode}
	c.observe(WaitBegun, &req, 0, time.Time{}, nil)
	var timeout <-chan time.Time
	if s.waitSet {
		timer := time.NewTimer(s.wait - time.Since(w.since))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
		c.quit(l, w, endOf(ctx))
	case <-timeout:
		c.quit(l, w, ErrHeld)
	}
	var token uint64
	if w.lock != nil {
		token = w.lock.token
	}
	c.observe(WaitEnded, &req, token, w.since, w.err)
	switch {
	case w.err == ErrHeld:
		return nil, c.heldError(ctx, l.key.name)
	case w.err != nil:
		return nil, w.err
	case token&maxHandoffs == 0:
		c.observe(Acquired, &req, token, w.since, nil)
	default:
		c.observe(HandedOn, &req, token, w.since, nil)
	}
	return w.lock, nil
}

// quit takes w out of the line because of err. When w has got the lock in the same
// moment, it keeps it at the end of Wait, and gives it back at the end of its
// context.
func (c *Client) quit(l *lineup, w *waiter, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch lock := w.lock; {
	case lock == nil && w.err == nil:
		l.waiters.remove(w)
		w.err = err
		c.abandonStand(l)
		c.proceed(l)
	case lock != nil && err != ErrHeld:
		w.lock, w.err = nil, err
		c.background(func() {
			if _, err := lock.unlock(); err != nil && !errors.Is(err, ErrLost) {
				c.unconfirmed(&lock.grant.lease.Request, err)
			}
		})
	}
}

// heldError says who holds name, as far as can be told soon.
func (c *Client) heldError(ctx context.Context, name string) error {
	held := &HeldError{Name: name}
	inspector, ok := c.driver.(driver.Inspector)
	if !ok {
		return held
	}
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	state, err := inspector.Inspect(ctx, name)
	if err == nil && len(state.Holders) > 0 {
		holder := state.Holders[0]
		held.Owner, held.Since, held.Until = holder.Owner, holder.Since, holder.Until
	}
	return held
}
