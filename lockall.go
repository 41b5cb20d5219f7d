package pawl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Wanted is one of the locks that LockAll is to take.
type Wanted struct {
	name string
	opts []LockOption
}

// Want asks LockAll for the lock called name.
func Want(name string, opts ...LockOption) Wanted { return Wanted{name, opts} }

// Locks are the locks that LockAll has taken. Its methods may be called by many
// goroutines.
type Locks struct {
	ctx   context.Context
	locks []*Lock
}

// All returns the locks, sorted by name. The caller must not change the slice.
func (l *Locks) All() []*Lock { return l.locks }

// Context returns the context of the work under the locks. It ends when the first
// of them is lost: see [Lock.Context].
func (l *Locks) Context() context.Context { return l.ctx }

// Unlock unlocks all of them, the last one first, whatever becomes of each, and
// returns what went wrong, joined: see [Lock.Unlock].
func (l *Locks) Unlock() error {
	var errs []error
	for _, lock := range slices.Backward(l.locks) {
		errs = append(errs, lock.Unlock())
	}
	return errors.Join(errs...)
}

// LockAll takes all the locks that are wanted, or none. It takes them one after the
// other in the order of their names' bytes, so that two callers never wait for each
// other in a circle. Waiting and errors are those of Lock; the first that cannot be
// had ends it, and those taken before are unlocked.
//
// A name that is wanted twice is ErrDeadlock, and so is a ctx that already holds a
// name which sorts after one that is wanted: it would break the order.
func (c *Client) LockAll(ctx context.Context, want ...Wanted) (*Locks, error) {
	start := time.Now()
	want, all, err := c.inOrder(want)
	if err != nil {
		return nil, err
	}
	if err := c.checkOrder(ctx, want); err != nil {
		return nil, err
	}
	locks := &Locks{ctx: ctx}
	for i, w := range want {
		s := all[i]
		if s.waitSet {
			s.wait = max(0, s.wait-time.Since(start))
		}
		lock, err := c.lock(locks.ctx, w.name, s)
		if err != nil {
			return nil, errors.Join(err, locks.Unlock())
		}
		locks.locks = append(locks.locks, lock)
		locks.ctx = lock.Context() // derived from the one before, so it ends with the first that ends
	}
	return locks, nil
}

// inOrder returns what is wanted in canonical order, with its settings.
func (c *Client) inOrder(want []Wanted) ([]Wanted, []settings, error) {
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b Wanted) int { return cmp.Compare(a.name, b.name) })
	all := make([]settings, len(want))
	for i, w := range want {
		var err error
		if all[i], err = c.settings(w.name, w.opts); err != nil {
			return nil, nil, opError("lock", w.name, err)
		}
		if i > 0 && want[i-1].name == w.name {
			return nil, nil, opError("lock", w.name, fmt.Errorf("wanted twice: %w", ErrDeadlock))
		}
	}
	return want, all, nil
}

// checkOrder refuses to take a lock that sorts before one that ctx holds.
func (c *Client) checkOrder(ctx context.Context, want []Wanted) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range want {
		if c.held(ctx, w.name) != nil {
			continue // a re-entry, or else Lock refuses it
		}
		var later *Lock
		c.holding(ctx, func(lock *Lock) bool {
			if lock.name > w.name {
				later = lock
			}
			return later == nil
		})
		if later != nil {
			return opError("lock", w.name, fmt.Errorf("%q, which sorts after it, is held already: %w", later.name, ErrDeadlock))
		}
	}
	return nil
}
