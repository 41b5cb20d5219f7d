package pawl

import (
	"context"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// heldKey is the key under which a lock's context carries the lock. The locks that
// were taken before it are found through its parent.
type heldKey struct{}

// holding calls yield for each lock of c that ctx holds, the latest first, until
// yield returns false. mu is held.
func (c *Client) holding(ctx context.Context, yield func(*Lock) bool) {
	lock, _ := ctx.Value(heldKey{}).(*Lock)
	for lock != nil {
		if lock.client == c && lock.count > 0 && lock.grant.lost == nil && !yield(lock) {
			return
		}
		lock, _ = lock.parent.Value(heldKey{}).(*Lock)
	}
}

// held returns the lock called name that ctx holds, or nil. mu is held.
func (c *Client) held(ctx context.Context, name string) (found *Lock) {
	c.holding(ctx, func(lock *Lock) bool {
		if lock.name == name {
			found = lock
		}
		return found == nil
	})
	return found
}

// reenter returns a re-entry when ctx holds name and s asks for one, ErrDeadlock
// when taking it would wait for ctx itself, and nothing when ctx does not hold it.
func (c *Client) reenter(ctx context.Context, name string, s settings) (*Lock, error) {
	if ctx.Value(heldKey{}) == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	outer := c.held(ctx, name)
	if outer == nil {
		return nil, nil
	}
	if c.closed {
		return nil, ErrClosed
	}
	lease := &outer.grant.lease
	upgrade := lease.Mode == driver.Shared && s.mode == driver.Exclusive
	if !s.reentrant || upgrade || lease.Slots != s.slots {
		return nil, ErrDeadlock
	}
	outer.count++
	return &Lock{client: c, name: name, token: outer.token, parent: ctx, since: time.Now(), outer: outer}, nil
}
