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
	Blocks: renewed,
	New: func(env *lab.Env) lab.Serve {
		return underLock(env, guard{
			write: func(ctx context.Context, _ *pawl.Lock, product, num int) change {
				return setNum(ctx, env, product, num)
			},
		})
	},
}

// outlivesLock reports whether the fault takes the lock away from a holder that has
// looked at it for the last time and is about to write.
//
// A restart does on Redis, which the lab starts without persistence. The others keep
// their locks, but only a server that is back within the TTL leaves the holder its lock:
// with the TTL of the lab, a database that recovers or a JVM that starts takes about as
// long as that or longer. So theory promises nothing there either, and a run that held
// anyway is noted.
func outlivesLock(s lab.Setup) bool {
	return s.Fault == lab.Pause || s.Fault == lab.Cut || s.Fault == lab.Restart
}

// renewed reports whether the lock of whom the fault has struck is renewed meanwhile.
func renewed(s lab.Setup) bool { return s.Fault == lab.Slow }

// guard is what a strategy does beside the lock.
type guard struct {
	// enter, if not nil, is called under the lock before the read that the write rests on.
	enter func(ctx context.Context, lock *pawl.Lock, product int) error
	// write changes the stock of product to num.
	write func(ctx context.Context, lock *pawl.Lock, product, num int) change
}

// underLock is read-then-write under the lock. A buyer whose lock is lost before the
// write stands in line again, as does one whom the lock server does not answer.
func underLock(env *lab.Env, g guard) lab.Serve {
	return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
		for {
			told, err := tryLocked(ctx, env, buyer, g)
			if ctx.Err() != nil || !errors.Is(err, pawl.ErrLost) && !errors.Is(err, pawl.ErrUnavailable) {
				return told, err
			}
			env.Think()
		}
	})
}

// lockOf returns the name of the lock on what a buyer wants.
func lockOf(env *lab.Env, buyer int) string { return fmt.Sprint(env.Lock, ":", productOf(env, buyer)) }

func tryLocked(ctx context.Context, env *lab.Env, buyer int, g guard) (lab.Answer, error) {
	product := productOf(env, buyer)
	lock, err := env.Locks.Lock(ctx, lockOf(env, buyer))
	if err != nil {
		return "", err
	}
	defer lock.Unlock() //nolint:errcheck // the buyer's answer is in the rows by now, lost or not
	defer env.Held(buyer, lock.Token())()
	s, err := readStock(ctx, env, buyer)
	if no := s.refusal(); err != nil || no != "" {
		return no, err
	}
	if g.enter != nil {
		if err := g.enter(ctx, lock, product); err != nil {
			return "", err
		}
		s, err = readStock(ctx, env, buyer)
		if no := s.refusal(); err != nil || no != "" {
			return no, err
		}
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
