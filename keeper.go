package pawl

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// lookAround is how often the keeper wakes, while leases are held, to see whether
// the wall clock has left the monotonic one: after a suspended machine resumes, no
// timer is early enough to tell that trust is over.
const lookAround = time.Second

// clockSlack is how far the two clocks may drift apart between two looks before all
// leases are looked at.
const clockSlack = 10 * time.Millisecond

// keeper renews the leases of a client and ends the trust in those that could not
// be renewed: one goroutine and one heap for all of them. What is due together is
// renewed in one call, in a goroutine that lives for that call, so that a backend
// that hangs cannot delay the end of anybody's trust. Client.mu guards it.
type keeper struct {
	client   *Client
	heap     careHeap
	next     time.Time // when the goroutine wakes; zero while it has nothing to do
	seen     instant   // the last look at the clocks
	sessions map[<-chan struct{}]*session

	wake    chan struct{}
	quit    chan struct{}
	stopped chan struct{}
}

// care is what the keeper knows of a grant.
type care struct {
	index    int       // in the heap, -1 outside
	due      time.Time // when it is to be looked at
	renewAt  time.Time // when it is to be renewed
	renewing bool
	unwanted bool          // due for renewal while the contexts of its holders were over
	renewed  chan struct{} // not nil when somebody waits for renewing to end
}

// renewal returns nil, or what is closed when the renewal that is under way has
// ended. mu is held.
func (c *care) renewal() <-chan struct{} {
	if c.renewing && c.renewed == nil {
		c.renewed = make(chan struct{})
	}
	return c.renewed
}

func (k *keeper) start(c *Client) {
	k.client = c
	k.wake = make(chan struct{}, 1)
	k.quit = make(chan struct{})
	k.stopped = make(chan struct{})
	k.sessions = make(map[<-chan struct{}]*session)
	k.seen = c.clock()
	go k.run()
}

// stop ends the keeper's goroutines and waits for its own one.
func (k *keeper) stop() {
	close(k.quit)
	<-k.stopped
}

// add takes g into care. mu is held.
func (k *keeper) add(g *grant) {
	k.plan(g, g.since)
	g.due = k.dueOf(g)
	heap.Push(&k.heap, g)
	k.rouse(g.due)
	k.hang(g)
}

// remove takes g out of care: it is neither renewed nor ended any more. The caller
// waits for g.renewed, where that is not nil, before it releases: no renewal may
// outlive a release. mu is held.
func (k *keeper) remove(g *grant) {
	heap.Remove(&k.heap, g.index)
	g.renewal()
	k.unhang(g)
}

// revive renews g again when somebody gets it after those whose contexts had ended,
// for whom it was not renewed. mu is held.
func (k *keeper) revive(g *grant) {
	g.unwanted = false
	k.reschedule(g)
}

// plan sets when g, granted or renewed by now, is to be renewed next. It counts in
// what is left until the trust deadline: after a slow answer, a part of the whole
// TTL would come too late. mu is held.
func (k *keeper) plan(g *grant, now time.Time) {
	left := float64(g.lease.Until.Sub(now))
	g.renewAt = now.Add(time.Duration(left * k.client.opts.RenewEvery))
}

// interval is about the time from one renewal of g to the next.
func (k *keeper) interval(g *grant) time.Duration {
	return time.Duration(float64(g.lease.TTL) * k.client.opts.RenewEvery)
}

// dueOf returns when g is to be looked at next. mu is held.
func (k *keeper) dueOf(g *grant) time.Time {
	due := g.lease.Until
	if k.renewable(g) && g.renewAt.Before(due) {
		due = g.renewAt
	}
	if end := g.since.Add(g.maxHold); g.maxHold > 0 && g.ended == nil && end.Before(due) {
		due = end
	}
	return due
}

// renewable reports whether g may be renewed as far as its lease goes. mu is held.
func (k *keeper) renewable(g *grant) bool {
	return !g.noRenew && g.ended == nil && !g.renewing && !g.unwanted
}

// reschedule puts g where it now belongs. mu is held.
func (k *keeper) reschedule(g *grant) {
	g.due = k.dueOf(g)
	heap.Fix(&k.heap, g.index)
	k.rouse(g.due)
}

// rouse makes the goroutine wake no later than due. mu is held.
func (k *keeper) rouse(due time.Time) {
	if !k.next.IsZero() && !due.Before(k.next) {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run is the keeper's goroutine.
func (k *keeper) run() {
	defer close(k.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := k.look()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-k.quit:
			return
		}
	}
}

// look does what is due and returns how long there is nothing to do.
func (k *keeper) look() time.Duration {
	c := k.client
	c.mu.Lock()
	now := c.clock()
	do := k.compareClocks(now)
	var batch []*grant
	for len(k.heap) > 0 && !k.heap[0].due.After(now.mono) {
		more, renew := k.tend(k.heap[0], now)
		do.add(more)
		if renew {
			batch = append(batch, k.begin(k.heap[0]))
		}
	}
	if len(batch) > 0 {
		batch = k.alsoSoon(batch, now)
		c.background(func() { k.renew(batch, now.mono) })
	}
	wait := time.Hour
	k.next = time.Time{}
	if len(k.heap) > 0 {
		wait = min(k.heap[0].due.Sub(now.mono), lookAround)
		k.next = now.mono.Add(wait)
	}
	if len(do.tells) > 0 {
		c.background(func() { runAll(do.tells) })
	}
	c.mu.Unlock()
	runAll(do.ends)
	return wait
}

// compareClocks looks at every lease when the wall clock has moved against the
// monotonic one. mu is held.
func (k *keeper) compareClocks(now instant) (do later) {
	drift := now.wall.Sub(k.seen.wall) - now.mono.Sub(k.seen.mono)
	if drift.Abs() < clockSlack {
		return do
	}
	k.seen = now
	return k.loseThose(func(g *grant) bool { return !now.before(g.lease.Until) }, errTrustOver)
}

// tend does what is due for g, or reports true when it is to be renewed. mu is
// held.
func (k *keeper) tend(g *grant, now instant) (do later, renew bool) {
	switch {
	case !now.before(g.lease.Until):
		return k.lose(g, errTrustOver), false
	case g.maxHold > 0 && g.ended == nil && !now.mono.Before(g.since.Add(g.maxHold)):
		do = g.end(fmt.Errorf("held for MaxHold of %v: %w", g.maxHold, ErrLost))
	case k.renewable(g) && g.wanted():
		return do, true
	default:
		g.unwanted = true
	}
	k.reschedule(g)
	return do, false
}

// begin marks g as being renewed. mu is held.
func (k *keeper) begin(g *grant) *grant {
	g.renewing = true
	k.reschedule(g)
	return g
}

// alsoSoon adds what will be due within an eighth of its interval: leases that were
// taken at different times come to be renewed in a few large calls. mu is held.
func (k *keeper) alsoSoon(batch []*grant, now instant) []*grant {
	for len(k.heap) > 0 {
		g := k.heap[0]
		soon := now.mono.Add(k.interval(g) / 8)
		if !k.renewable(g) || g.renewAt.After(soon) || g.due.Before(g.renewAt) || !g.wanted() {
			break
		}
		batch = append(batch, k.begin(g))
	}
	return batch
}

// renew renews batch in one call and notes the outcome of each. mu is not held.
func (k *keeper) renew(batch []*grant, start time.Time) {
	c := k.client
	leases := make([]driver.Lease, len(batch))
	deadline := start.Add(k.interval(batch[0]))
	c.mu.Lock()
	for i, g := range batch {
		leases[i] = g.lease
		deadline = earlier(deadline, earlier(g.lease.Until, start.Add(k.interval(g))))
	}
	c.mu.Unlock()

	ctx, cancel := context.WithDeadline(c.base, deadline)
	renewals := c.driver.Renew(ctx, leases)
	cancel()

	var do later
	c.mu.Lock()
	for i, g := range batch {
		do.add(k.settle(g, renewals[i]))
	}
	c.mu.Unlock()
	do.run()
	k.report(leases, renewals, start)
}

// settle notes the outcome of a renewal. mu is held.
func (k *keeper) settle(g *grant, renewal driver.Renewal) (do later) {
	g.renewing = false
	if g.renewed != nil {
		close(g.renewed)
	}
	if g.index < 0 { // lost or given back meanwhile
		return do
	}
	switch {
	case renewal.Err == nil:
		g.lease.Until = renewal.Until
		k.plan(g, k.client.clock().mono)
	case errors.Is(renewal.Err, ErrLost):
		return k.lose(g, renewal.Err)
	default:
		g.renewAt = k.client.clock().mono.Add(jitter(k.interval(g) / 8))
	}
	k.reschedule(g)
	return do
}

// report tells of the outcomes. mu is not held.
func (k *keeper) report(leases []driver.Lease, renewals []driver.Renewal, start time.Time) {
	c := k.client
	for i := range leases {
		lease, err := &leases[i], renewals[i].Err
		token := firstToken(lease)
		switch {
		case err == nil:
			c.observe(Renewed, &lease.Request, token, start, nil)
		case !errors.Is(err, ErrLost):
			c.observe(RenewalFailed, &lease.Request, token, start, err)
			c.opts.Logger.Warn("pawl: renewal failed; trying again until the trust deadline",
				"name", lease.Name, "owner", lease.Owner, "token", token, "backend", c.traits.Backend, "err", err)
		}
	}
}

var errTrustOver = errors.New("not renewed before its trust deadline")

// lose ends the trust in g for good. mu is held.
func (k *keeper) lose(g *grant, reason error) later {
	c := k.client
	g.lost = reason
	if !errors.Is(reason, ErrLost) {
		g.lost = fmt.Errorf("%w: %w", ErrLost, reason)
	}
	do := g.end(g.lost)
	heap.Remove(&k.heap, g.index)
	k.unhang(g)
	c.grants--
	c.settle()
	if l := g.line; l != nil && l.open == g {
		l.open = nil
		c.proceed(l)
	}
	req, token, since, lost := &g.lease.Request, firstToken(&g.lease), g.since, g.lost
	do.tells = append(do.tells, func() {
		c.observe(Lost, req, token, since, lost)
		c.opts.Logger.Warn("pawl: lock lost",
			"name", req.Name, "owner", req.Owner, "token", token, "backend", c.traits.Backend, "err", lost)
	})
	return do
}

// loseThose loses every lease for which gone returns true. mu is held.
func (k *keeper) loseThose(gone func(*grant) bool, reason error) (do later) {
	var those []*grant // apart, because losing one changes the heap
	for _, g := range k.heap {
		if gone(g) {
			those = append(those, g)
		}
	}
	for _, g := range those {
		do.add(k.lose(g, reason))
	}
	return do
}

// checkTrust loses g when its trust is over and the goroutine has not come to it
// yet. mu is held.
func (k *keeper) checkTrust(g *grant, now instant) (do later) {
	if g.index < 0 || now.before(g.lease.Until) {
		return do
	}
	return k.lose(g, errTrustOver)
}

// endAll ends the contexts of all locks because of err. mu is held.
func (k *keeper) endAll(err error) (do later) {
	for _, g := range k.heap {
		do.add(g.end(err))
	}
	return do
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
