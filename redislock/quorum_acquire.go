package redislock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Acquire takes two round trips, to all nodes at once: one for their votes and one for
// the token. It returns when a majority has answered.
func (c *quorum) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if err := c.check(&req); err != nil {
		return driver.Lease{}, err
	}
	try := func(ctx context.Context) (driver.Lease, error) { return c.try(ctx, &req) }
	if req.NoWait {
		return try(ctx)
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(c.life, stop)()
	lease, err := driver.Poll(waiting, try)
	if err != nil && c.life.Err() != nil {
		err = driver.ErrClosed
	}
	return lease, err
}

func (c *quorum) check(req *driver.Request) error {
	switch {
	case c.life.Err() != nil:
		return driver.ErrClosed
	case req.Mode != driver.Exclusive || req.Slots != 0:
		return fmt.Errorf("a quorum has exclusive locks only: %w", driver.ErrUnsupported)
	case req.TTL < quorumMinTTL || req.TTL > c.maxTTL:
		return fmt.Errorf("TTL %v: want %v to %v: %w", req.TTL, quorumMinTTL, c.maxTTL, driver.ErrInvalidOption)
	}
	return nil
}

// splits is how often an attempt is repeated at once when nobody had a majority.
const splits = 4

// try answers at once. When those who came at the same moment have split the nodes among
// them, nobody holds the lock; then it tries again after a short random time, since
// an ErrHeld would not be true.
func (c *quorum) try(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	for again := range splits + 1 {
		if err := c.pause(ctx, again); err != nil {
			return driver.Lease{}, err
		}
		v := c.vote(ctx, req)
		lease, err := v.settle(ctx)
		if err == nil {
			return lease, nil
		}
		v.undo()
		if !errors.Is(err, driver.ErrHeld) || !v.split() || again == splits {
			return driver.Lease{}, err
		}
	}
	panic("unreachable")
}

// pause waits for a random time that grows with again.
func (c *quorum) pause(ctx context.Context, again int) error {
	if again == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(rand.N(time.Millisecond << again))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.life.Done():
		return driver.ErrClosed
	}
}

// settle makes a lease of the votes.
func (v *vote) settle(ctx context.Context) (driver.Lease, error) {
	if v.err != nil {
		return driver.Lease{}, v.err
	}
	if err := v.outcome(); err != nil {
		return driver.Lease{}, err
	}
	token, err := v.number(ctx)
	if err != nil {
		return driver.Lease{}, err
	}
	until := driver.Trust(v.sent, v.req.TTL)
	if !time.Now().Before(until) {
		return driver.Lease{}, fmt.Errorf("the nodes took longer than the TTL: %w", driver.ErrUnavailable)
	}
	return driver.Lease{Request: *v.req, Token: token, Until: until}, nil
}

// undo gives back what the attempt has got or may still get, and nothing else: the
// holder's next attempt may be under way by then.
func (v *vote) undo() {
	if v.untouched == nil {
		v.untouched = v.takeBack()
	}
	held := make([]bool, len(v.tasks))
	for _, t := range v.done {
		held[t.node] = t.err == nil && t.answers[0][0] != "granted"
	}
	v.c.ask(question{
		keys: v.keys, args: []any{"release", v.req.Holder, v.attempt, v.req.TTL.Microseconds()}, n: 1,
		insist: v.req.TTL,
		skip:   func(node int) bool { return held[node] || v.untouched[node] },
	})
}
