package pawl

import (
	"context"
	"sync/atomic"
	"time"
)

// bounds gives out contexts that end after a time. To make one for each call costs a
// tenth of what a lock and its release cost this machine, so those who ask within a
// tenth of the time share one.
type bounds struct{ last atomic.Pointer[bound] }

type bound struct {
	ctx    context.Context
	cancel context.CancelFunc // not called: others may still use ctx, which ends by itself
	time   time.Duration
	made   time.Time
}

// within returns a context derived from parent, which is always the same one, that
// ends after d at the latest and not before nine tenths of d.
func (b *bounds) within(parent context.Context, d time.Duration) context.Context {
	now := time.Now()
	if last := b.last.Load(); last != nil && last.time == d && now.Sub(last.made) < d/10 {
		return last.ctx
	}
	made := &bound{time: d, made: now}
	made.ctx, made.cancel = context.WithTimeout(parent, d) //nolint:gosec // see the field
	b.last.Store(made)
	return made.ctx
}
