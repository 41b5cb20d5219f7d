package pawl

import (
	"context"
	"errors"
)

// takeApart gets a lock with a lease of its own, which is not passed on. The
// caller's goroutine itself stands in the backend's line.
func (c *Client) takeApart(ctx context.Context, name string, s settings) (*Lock, error) {
	c.mu.Lock()
	entered := c.enter()
	c.mu.Unlock()
	if !entered {
		return nil, ErrClosed
	}
	now := c.clock()
	g, err := c.acquireApart(ctx, name, s, now)

	c.mu.Lock()
	if err == nil && c.closed {
		c.cleanUp(g.lease.Request, nil)
		err = ErrClosed
	}
	var lock *Lock
	if err == nil {
		g.maxHold, g.noRenew = s.maxHold, s.noRenew
		lock = g.add(ctx, c, g.since)
		c.grants++
		c.keeper.add(g)
	}
	c.leave()
	c.mu.Unlock()
	if lock != nil {
		c.observe(Acquired, &g.lease.Request, lock.token, now.mono, nil)
	}
	return lock, err
}

// acquireApart asks without waiting first, to know whether there is a wait, and
// then waits in line.
func (c *Client) acquireApart(ctx context.Context, name string, s settings, now instant) (*grant, error) {
	req := c.request(name, s, true)
	g, err := c.askOnce(ctx, req, s)
	if errors.Is(err, ErrHeld) && !s.waited(now.mono) {
		c.observe(WaitBegun, &req, 0, now.mono, nil)
		g, err = c.waitApart(ctx, name, s, now)
		var token uint64
		if err == nil {
			token = firstToken(&g.lease)
		}
		c.observe(WaitEnded, &req, token, now.mono, err)
	}
	return g, err
}

// waitApart stands in the backend's line until granted, or until ctx, Wait or the
// client ends.
func (c *Client) waitApart(ctx context.Context, name string, s settings, now instant) (*grant, error) {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.closing, func() { cancel(ErrClosed) })()
	if s.waitSet {
		var stop context.CancelFunc
		bounded, stop = context.WithDeadlineCause(bounded, now.mono.Add(s.wait), ErrHeld)
		defer stop()
	}
	g, err := c.acquire(bounded, c.request(name, s, false))
	switch cause := context.Cause(bounded); {
	case err == nil:
		return g, nil
	case ctx.Err() != nil:
		return nil, endOf(ctx)
	case cause == ErrHeld:
		return nil, c.heldError(ctx, name)
	case cause == ErrClosed:
		return nil, ErrClosed
	}
	return nil, err
}
