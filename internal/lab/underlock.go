package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/fence"
)

// Lease is a *pawl.Lock or *pawl.Locks.
type Lease interface {
	Context() context.Context
	Unlock() error
}

// UnderLock takes a lock, does work under it and gives it back. A buyer whose lock is lost
// before the write stands in line again, as does one whom the lock server does not
// answer, until ctx ends.
func UnderLock[L Lease](ctx context.Context, env *Env, take func() (L, error), work func(L) (Answer, error)) (Answer, error) {
	for {
		told, err := once(take, work)
		if ctx.Err() != nil || !errors.Is(err, pawl.ErrLost) && !errors.Is(err, pawl.ErrUnavailable) {
			return told, err
		}
		env.Think()
	}
}

func once[L Lease](take func() (L, error), work func(L) (Answer, error)) (Answer, error) {
	lease, err := take()
	if err != nil {
		return "", err
	}
	defer lease.Unlock() //nolint:errcheck // the buyer's answer is in the rows by now, lost or not
	return work(lease)
}

// LastLook is the last look at a lock before the write: it returns why the lock is lost, or
// nil. Whom the fault makes slow is so before it, and not as others are after it: a holder
// that runs is told when its lock could not be renewed, and only has to look.
func (e *Env) LastLook(ctx context.Context, lease Lease) error {
	e.Failpoint(ctx, BeforeLook)
	return StillHeld(lease)
}

// StillHeld returns why a lock is lost, or nil.
func StillHeld(lease Lease) error {
	if lease.Context().Err() != nil {
		return context.Cause(lease.Context())
	}
	return nil
}

// Fenced counts a stale write that err tells of, and makes it a lost lock, which it is.
func (e *Env) Fenced(token uint64, err error) error {
	if !errors.Is(err, fence.ErrStale) {
		return err
	}
	e.Refused(token)
	return fmt.Errorf("%w: %w", pawl.ErrLost, err)
}

// OutlivesLock reports whether the fault takes a lock that is renewed away from a holder
// that has looked at it for the last time and is about to write.
//
// A restart does on Redis, which forgets. The others keep their locks, but only a server that
// is back within the TTL leaves the holder its lock. So theory promises nothing there
// either, and a run may hold: see Result.MayHold.
func (s Setup) OutlivesLock() bool {
	return s.Fault == Pause || s.Fault == Cut || s.Fault == Restart
}

// Renewed reports whether the lock of whom the fault has struck is renewed meanwhile, so
// that nobody else gets it.
func Renewed(s Setup) bool { return s.Fault == Slow }
