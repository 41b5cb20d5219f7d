package pawl

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/driver"
)

const (
	handoffBits = 8
	maxHandoffs = 1<<handoffBits - 1
	maxToken    = 1<<55 - 1
)

// A grant is a lease that this client holds, and the locks of its goroutines that
// rest on it: one, or several readers, or none while it is being given back.
// Client.mu guards it.
type grant struct {
	lease   driver.Lease
	line    *lineup // whose lease it is; nil for a lease apart
	since   time.Time
	issued  uint64 // tokens issued on this lease
	locks   []*Lock
	only    [1]*Lock // room for locks, which mostly is one
	maxHold time.Duration
	noRenew bool

	ended error // why the contexts of its locks ended before they were unlocked
	lost  error // why the lease may not be believed in any more; matches ErrLost
	care
}

// acquire asks the driver for req. What the driver leaves open is cleaned up in
// the background; what it grants too late to be of use is given back, and asked
// for once more under another holder id. mu is not held.
func (c *Client) acquire(ctx context.Context, req driver.Request) (*grant, error) {
	for range 3 {
		lease, err := c.driver.Acquire(ctx, req)
		switch {
		case err != nil:
			if !refused(err) {
				c.abandonRequest(req)
			}
			if !req.NoWait && errors.Is(err, ErrHeld) {
				return nil, fmt.Errorf("the driver did not wait: %w", ErrUnavailable)
			}
			return nil, err
		case lease.Token == 0 || lease.Token > maxToken:
			c.giveUp(ctx, req)
			return nil, fmt.Errorf("token %d, want 1 to 1<<55-1: %w", lease.Token, ErrUnavailable)
		}
		now := c.clock()
		if now.before(lease.Until) {
			g := &grant{lease: lease, since: now.mono}
			g.locks = g.only[:0]
			return g, nil
		}
		c.giveUp(ctx, req)
		req.Holder = newHolder()
	}
	return nil, fmt.Errorf("the grant of a TTL of %v came too late: %w", req.TTL, ErrUnavailable)
}

// giveUp releases a grant that cannot be used, before it is asked for once more.
func (c *Client) giveUp(ctx context.Context, req driver.Request) {
	ctx, cancel := context.WithTimeout(ctx, req.TTL)
	defer cancel()
	if c.driver.Release(ctx, req) != nil {
		c.abandonRequest(req)
	}
}

// abandonRequest cleans up a request whose outcome is open. mu is not held.
func (c *Client) abandonRequest(req driver.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cleanUp(req, nil)
}

// add returns a new lock that rests on g from now on, for a caller whose context
// is ctx. mu is held.
func (g *grant) add(ctx context.Context, c *Client, now time.Time) *Lock {
	lock := &Lock{client: c, name: g.lease.Name, parent: ctx, since: now, grant: g, index: len(g.locks), count: 1}
	if g.lease.Slots == 0 {
		lock.token = firstToken(&g.lease) | g.issued
	}
	g.issued++
	g.locks = append(g.locks, lock)
	if g.unwanted {
		c.keeper.revive(g)
	}
	return lock
}

// firstToken returns the token with which a lease begins, 0 for a slot.
func firstToken(lease *driver.Lease) uint64 {
	if lease.Slots > 0 {
		return 0
	}
	return lease.Token << handoffBits
}

// remove takes lock off g. mu is held.
func (g *grant) remove(lock *Lock) {
	last := len(g.locks) - 1
	g.locks[lock.index] = g.locks[last]
	g.locks[lock.index].index = lock.index
	g.locks[last] = nil
	g.locks = g.locks[:last]
}

// canPassOn reports whether another goroutine may have g without asking the
// backend. mu is held.
func (g *grant) canPassOn(c *Client, now instant) bool {
	return g.ended == nil &&
		g.issued <= maxHandoffs &&
		now.mono.Sub(g.since) < c.opts.HandoffFor &&
		now.before(g.lease.Until.Add(-g.lease.TTL/2))
}

// wanted reports whether the context of anybody who holds g still goes on. mu is
// held.
func (g *grant) wanted() bool {
	for _, lock := range g.locks {
		if lock.parent.Err() == nil {
			return true
		}
	}
	return false
}

// end ends the contexts of g's locks because of err, unless they have ended
// before. mu is held.
func (g *grant) end(err error) (do later) {
	if g.ended != nil {
		return do
	}
	g.ended = err
	for _, lock := range g.locks {
		do.cancel(lock, err)
	}
	return do
}

// later is what must be done when the mutex is not held any more, because it runs
// code of others. The ends of contexts come first: they are what keeps two holders
// apart, and a slow log must not delay them.
type later struct {
	ends  []func() // of contexts
	tells []func() // to the observer and the log
}

// cancel adds the end of lock's context because of err. mu is held.
func (l *later) cancel(lock *Lock, err error) {
	if cancel := lock.cancel; cancel != nil {
		l.ends = append(l.ends, func() { cancel(err) })
	}
}

func (l *later) add(more later) {
	l.ends = append(l.ends, more.ends...)
	l.tells = append(l.tells, more.tells...)
}

func (l *later) run() {
	runAll(l.ends)
	runAll(l.tells)
}

func runAll(fns []func()) {
	for _, fn := range fns {
		fn()
	}
}

// instant is now on both clocks. The monotonic one stands still while the machine
// is suspended, and the wall clock may be set.
type instant struct{ mono, wall time.Time }

func clock() instant {
	now := time.Now()
	return instant{now, now.Round(0)}
}

// before reports whether both clocks are before t.
func (i instant) before(t time.Time) bool {
	return i.mono.Before(t) && i.wall.Before(t.Round(0))
}

// newHolder returns a fresh holder id of 130 random bits.
func newHolder() string { return rand.Text() }

// jitter returns a random duration of half to three halves of d, so that many
// clients do not act at once.
func jitter(d time.Duration) time.Duration {
	return d/2 + mathrand.N(max(d, 1))
}
