package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Lock is a lock that is held. Its methods may be called by many goroutines.
type Lock struct {
	client *Client
	name   string
	token  uint64
	parent context.Context // of the caller of Lock
	since  time.Time       // when it was got
	outer  *Lock           // the lock that this one re-enters; nil for the first

	// Guarded by client.mu. In a re-entry only done is used.
	grant  *grant
	index  int // in grant.locks
	count  int // Unlocks that are still to come, re-entries included
	done   bool
	ctx    context.Context // made by the first call of Context
	cancel context.CancelCauseFunc
}

// Name returns the name that was locked.
func (l *Lock) Name() string { return l.name }

// Token returns the fencing token, to be handed to the resource that the lock
// protects. It is larger than the token of every earlier holder of this name, and
// at most 1<<63-1. The tokens of shared locks that are held at the same time are in
// no order among themselves. For a slot it is 0.
func (l *Lock) Token() uint64 { return l.token }

// Context returns the context of the work under the lock. It is derived from the
// one that was given to Lock and ends earlier when the lock is lost, at the latest
// at the trust deadline; context.Cause then matches ErrLost, or ErrClosed after
// Close. After Unlock it is over with ErrNotHeld as its cause. A re-entry has no
// context of its own: it returns the one that was given to Lock.
//
// The end of the context is not a release: the lock is free at Unlock or when its
// lease runs out.
func (l *Lock) Context() context.Context {
	if l.outer != nil {
		return l.parent // comes from the outer lock's context
	}
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancelCause(context.WithValue(l.parent, heldKey{}, l))
		switch {
		case l.count == 0:
			l.cancel(ErrNotHeld)
		case l.grant.ended != nil:
			l.cancel(l.grant.ended)
		}
	}
	return l.ctx
}

// Until returns the trust deadline: until then, and no longer, the holder may
// believe that it is alone, unless Context has ended before. Every renewal moves
// it.
func (l *Lock) Until() time.Time {
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	return l.first().grant.lease.Until
}

// first returns the lock that l re-enters, or l.
func (l *Lock) first() *Lock {
	if l.outer != nil {
		return l.outer
	}
	return l
}

// Unlock gives the lock to the next in line. It does not depend on the context
// that was given to Lock and blocks for at most the lock's TTL.
//
// Errors: ErrNotHeld when it was called before, and nothing is changed; ErrLost when the
// lock was lost before; ErrUnavailable when the backend has not confirmed it, and
// then the lock is free when its lease runs out. A lock that Force has freed since its
// last renewal is not known to be lost, and unlocking it is no error.
func (l *Lock) Unlock() error {
	last, err := l.unlock()
	if last {
		first := l.first()
		l.client.observe(Released, &first.grant.lease.Request, first.token, first.since, err)
	}
	if err != nil {
		return opError("unlock", l.name, err)
	}
	return nil
}

// unlock reports with last whether it ended the holding: nobody else re-enters.
func (l *Lock) unlock() (last bool, err error) {
	c, first := l.client, l.first()
	now := c.clock()
	c.mu.Lock()
	if l.done {
		c.mu.Unlock()
		return false, ErrNotHeld
	}
	l.done = true
	g := first.grant
	do := c.keeper.checkTrust(g, now)
	lost := g.lost
	if first.count--; first.count > 0 {
		c.mu.Unlock()
		do.run()
		return false, lost
	}
	do.cancel(first, ErrNotHeld)
	g.remove(first)
	out := c.passOn(g, now)
	c.mu.Unlock()

	do.run()
	if out {
		return true, c.giveBack(g)
	}
	return true, lost
}

// giveBack releases a grant that passOn has taken out of use.
func (c *Client) giveBack(g *grant) error {
	ctx := c.bounds.within(c.base, g.lease.TTL)
	await(ctx, g.renewed) // no renewal may outlive the release
	err := c.release(ctx, g.lease.Request)
	c.mu.Lock()
	c.grants--
	if l := g.line; l != nil && l.leaving == g {
		l.leaving = nil
		c.proceed(l)
	}
	c.settle()
	c.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case c.base.Err() != nil:
		return ErrClosed
	}
	return fmt.Errorf("not confirmed, free when its lease runs out: %w: %w", ErrUnavailable, err)
}

// do runs fn under l and unlocks it.
func (l *Lock) do(fn func(ctx context.Context, lock *Lock) error) (err error) {
	defer func() {
		if unlockErr := l.Unlock(); unlockErr != nil && !errors.Is(unlockErr, ErrNotHeld) {
			err = errors.Join(err, unlockErr)
		}
	}()
	return fn(l.Context(), l)
}
