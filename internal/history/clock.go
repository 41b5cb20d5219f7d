package history

import (
	"sync/atomic"
	"time"
)

// A Clock tells the time of a history. Its zero is arbitrary.
type Clock func() time.Duration

// Local returns a clock of this process alone. It never tells the same time twice:
// in a synctest bubble, where it follows the bubble's time and everything happens
// at one instant, it still tells before from after.
func Local() Clock {
	start := time.Now()
	var last atomic.Int64
	return func() time.Duration {
		for {
			before := last.Load()
			now := max(before+1, int64(time.Since(start)))
			if last.CompareAndSwap(before, now) {
				return time.Duration(now)
			}
		}
	}
}

// At returns t, which has a monotonic reading, as a time of c.
func (c Clock) At(t time.Time) time.Duration { return c() + time.Until(t) }
