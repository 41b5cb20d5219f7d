package leave

import (
	"context"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlLock = lab.Strategy{
	Name: "pawl",
	Line: "read-then-write under a pawl lock for each employee",
	Why: "One approval at a time for an employee, in all processes, and when it dies the next one gets the lock after " +
		"the TTL. What no lock can do: stop one that was paused past its lease from writing what it read before.",
	Needs:  lab.PawlLocks,
	Blocks: lab.Renewed,
	Expect: func(s lab.Setup) lab.Outcome { return overdrawn(s).If(s.AtOnce() > 1 && s.OutlivesLock()) },
	New: func(env *lab.Env) lab.Serve {
		return underLock(env, guard{
			enter: func(context.Context, *pawl.Lock, request) error { return nil },
			write: func(ctx context.Context, _ *pawl.Lock, r request, days int) change { return setDays(ctx, env, r, days) },
		})
	},
}

// guard is what a strategy does beside the lock.
type guard struct {
	// enter is called under the lock before the read that the write rests on.
	enter func(ctx context.Context, lock *pawl.Lock, r request) error
	// write sets the balance to days.
	write func(ctx context.Context, lock *pawl.Lock, r request, days int) change
}

// underLock is read-then-write under the lock.
func underLock(env *lab.Env, g guard) lab.Serve {
	return func(ctx context.Context, number int) (lab.Answer, error) {
		r := requestOf(env.Setup, number)
		return lab.UnderLock(ctx, env,
			func() (*pawl.Lock, error) { return env.Locks.Lock(ctx, r.lockName(env)) },
			func(lock *pawl.Lock) (lab.Answer, error) {
				defer env.Held(number, lock.Token())()
				return approveLocked(ctx, env, lock, r, g)
			})
	}
}

func approveLocked(ctx context.Context, env *lab.Env, lock *pawl.Lock, r request, g guard) (lab.Answer, error) {
	if err := g.enter(ctx, lock, r); err != nil {
		return "", err
	}
	b, err := readBalance(ctx, env, env.DB, r.employee, "")
	if err != nil || b.days < r.days {
		return lab.SoldOut, err
	}
	env.Think()
	if err := env.LastLook(ctx, lock); err != nil {
		return "", err
	}
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(take(ctx, env, r, g.write(ctx, lock, r, b.days-r.days)))
}
