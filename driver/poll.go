package driver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The waits between two tries of Poll, before jitter of a quarter either way: short at
// first, for locks that are held for milliseconds, and then less and less of a load
// on the engine.
const (
	pollFirst  = 5 * time.Millisecond
	pollLast   = 200 * time.Millisecond
	pollFactor = 1.5
)

// Poll calls try until it returns anything but ErrHeld, and returns that. It is how a
// driver waits whose engine has no line: such a driver is not FIFO, and of those who
// wait anybody may be next.
//
// The first try comes at once, the second about 5 ms after the answer, and the next
// ones after waits that grow to 250 ms at most. The waits are random within a quarter,
// so that those who began to wait together do not go on trying together. When the
// answer is a *HeldError with a time Until that is still to come, the next try is not
// later than that, so that an abandoned lease passes on as soon as it has run out.
// Until is read by this machine's clock, whatever the engine's says; try has to make
// it from the time that is left.
//
// Poll blocks until ctx ends, and returns ctx.Err() then; try gets ctx, and is not
// called once it has ended.
func Poll(ctx context.Context, try func(ctx context.Context) (Lease, error)) (Lease, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := pollFirst; ; wait = min(time.Duration(float64(wait)*pollFactor), pollLast) {
		if ctx.Err() != nil {
			return Lease{}, ctx.Err()
		}
		lease, err := try(ctx)
		if !errors.Is(err, ErrHeld) {
			return lease, err
		}
		timer.Reset(pollWait(wait, err))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// pollWait returns wait with jitter, or the time until the holder's expiry.
func pollWait(wait time.Duration, held error) time.Duration {
	wait = wait*3/4 + rand.N(wait/2)
	var known *HeldError
	if errors.As(held, &known) {
		// An expiry in the past says nothing: the clocks differ, or the engine is late.
		if left := time.Until(known.Until); left > 0 {
			wait = min(wait, left)
		}
	}
	return wait
}
