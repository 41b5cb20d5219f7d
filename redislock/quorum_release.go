package redislock

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Release returns when a majority has let go. The other nodes are told as well: one
// that does not answer is told again until it does or the TTL has passed, so that a
// grant that it has given late, or will give to a request that it finds when it goes
// on, does not outlive the release.
func (c *quorum) Release(ctx context.Context, req driver.Request) error {
	return c.release(ctx, req.Name, req.Holder, req.TTL)
}

func (c *quorum) release(ctx context.Context, name, holder string, ttl time.Duration) error {
	return c.order(ctx, question{keys: c.keys(name), n: 1, insist: ttl,
		args: []any{"release", holder, "", ttl.Microseconds()}}, "released")
}

// order asks all nodes to do something, and waits until a majority has answered with
// word.
func (c *quorum) order(ctx context.Context, q question, word string) error {
	r := c.ask(q)
	if err := r.wait(ctx, func() bool { return r.says(word, 0) >= c.majority }); err != nil {
		return err
	}
	if n := r.says(word, 0); n < c.majority {
		return fmt.Errorf("%d of %d nodes answer: %w", n, len(c.nodes), r.failure())
	}
	return nil
}

// Break forbids the holder to renew, on a majority of the nodes at least, so that no
// renewal can have a majority any more.
func (c *quorum) Break(ctx context.Context, name string) error {
	holder, err := c.holder(ctx, name)
	if err != nil {
		return err
	}
	// The mark keeps a renewal that is under way from taking nodes for the holder.
	return c.order(ctx, question{keys: c.keys(name), n: 1, insist: c.maxTTL,
		args: []any{"break_", holder, c.maxTTL.Microseconds()}}, "broken")
}

// Force releases the lock in the holder's name.
func (c *quorum) Force(ctx context.Context, name string) error {
	holder, err := c.holder(ctx, name)
	if err != nil {
		return err
	}
	return c.release(ctx, name, holder, c.maxTTL)
}

// holder returns who holds name, or ErrNotHeld. Who has got only a few nodes does not:
// it may be about to give them back and to wait.
func (c *quorum) holder(ctx context.Context, name string) (string, error) {
	state, err := c.Inspect(ctx, name)
	if err == nil && len(state.Holders) == 0 {
		err = driver.ErrNotHeld
	}
	if err != nil {
		return "", err
	}
	return state.Holders[0].Holder, nil
}
