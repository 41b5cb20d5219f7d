package flashsale

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlLock = lab.Strategy{
	Name: "pawl",
	Line: "read-then-write under a pawl lock",
	Why: "One holder at a time in all processes, and when it dies the next one gets the lock after the TTL. " +
		"What no lock can do: stop a holder that was paused past its lease, after its last look at the lock, " +
		"from writing what it read before.",
	Needs: lab.PawlLocks,
	// The waiters of the struck process itself take over as well, once it goes on.
	Expect: func(s lab.Setup) lab.Outcome { return races(s).If(s.AtOnce() > 1 && outlivesLock(s)) },
	New: func(env *lab.Env) lab.Serve {
		return underLock(env, guard{
			enter: func(context.Context, *pawl.Lock, int) error { return nil },
			write: func(ctx context.Context, _ *pawl.Lock, product, num int) change {
				return setNum(ctx, env, product, num)
			},
		})
	},
}

// outlivesLock reports whether the fault takes the lock away from a holder that has
// looked at it for the last time and is about to write.
func outlivesLock(s lab.Setup) bool {
	switch s.Fault {
	case lab.Pause, lab.Cut:
		return true
	case lab.Restart:
		// The lab starts Redis without persistence. The others keep their locks.
		return s.Locks == "redis"
	}
	return false
}

// guard is what a strategy does beside the lock.
type guard struct {
	// enter is called under the lock before the read that the write rests on.
	enter func(ctx context.Context, lock *pawl.Lock, product int) error
	// write changes the stock of product to num.
	write func(ctx context.Context, lock *pawl.Lock, product, num int) change
}

// underLock is read-then-write under the lock. A buyer whose lock is lost before the
// write stands in line again, as does one whom the lock server does not answer.
func underLock(env *lab.Env, g guard) lab.Serve {
	return func(ctx context.Context, buyer int) (lab.Answer, error) {
		for {
			told, err := tryLocked(ctx, env, buyer, g)
			if ctx.Err() != nil || !errors.Is(err, pawl.ErrLost) && !errors.Is(err, pawl.ErrUnavailable) {
				return told, err
			}
			env.Think()
		}
	}
}

func tryLocked(ctx context.Context, env *lab.Env, buyer int, g guard) (lab.Answer, error) {
	product := productOf(env, buyer)
	lock, err := env.Locks.Lock(ctx, fmt.Sprint(env.Lock, ":", product))
	if err != nil {
		return "", err
	}
	defer lock.Unlock() //nolint:errcheck // the buyer's answer is in the rows by now, lost or not
	defer env.Held(buyer, lock.Token())()
	if s, err := readStock(ctx, env, product); err != nil || s.num <= 0 {
		return lab.SoldOut, err
	}
	if err := g.enter(ctx, lock, product); err != nil {
		return "", err
	}
	s, err := readStock(ctx, env, product)
	if err != nil || s.num <= 0 {
		return lab.SoldOut, err
	}
	env.Think()
	if lock.Context().Err() != nil {
		return "", context.Cause(lock.Context())
	}
	// The write gets ctx and not the lock's context. That one would end some more of
	// these writes, and not the one that has left the process already: the window
	// gets narrower and stays.
	env.Failpoint(lab.BeforeWrite)
	return answer(sell(ctx, env, buyer, g.write(ctx, lock, product, s.num-1)))
}
