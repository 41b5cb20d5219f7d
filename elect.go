package pawl

import (
	"context"
	"errors"
	"time"
)

// Elect runs lead while this client holds the lock called name, and runs it again
// whenever the lock was lost and then won again. It returns when lead returns
// while it still leads, with lead's error, and at the end of ctx.
//
// lead must return soon after its context has ended. While the backend is
// unavailable, Elect goes on trying. Options and all other errors are those of
// Lock.
func (c *Client) Elect(ctx context.Context, name string, lead func(ctx context.Context, lock *Lock) error, opts ...LockOption) error {
	s, err := c.settings(name, opts)
	if err != nil {
		return opError("elect", name, err)
	}
	for wait := cleanUpWait; ; {
		lock, err := c.Lock(ctx, name, opts...)
		switch {
		case err == nil:
			wait = cleanUpWait
			err = lock.do(lead)
			if !errors.Is(context.Cause(lock.Context()), ErrLost) {
				return err // an ErrLost in it would be of another lock
			}
		case !errors.Is(err, ErrUnavailable):
			return err
		}
		if !sleep(ctx, jitter(wait)) {
			return opError("elect", name, endOf(ctx))
		}
		wait = min(2*wait, s.ttl/3)
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
