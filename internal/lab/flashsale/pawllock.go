package flashsale

import (
	"context"
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
	Expect: func(s lab.Setup) lab.Outcome { return races(s).If(s.AtOnce() > 1 && s.OutlivesLock()) },
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		return underLock(env, guard{
			write: func(ctx context.Context, _ *pawl.Lock, product, num int) change {
				return setNum(ctx, env, product, num)
			},
		})
	},
}

// guard is what a strategy does beside the lock.
type guard struct {
	// enter, if not nil, is called under the lock before the read that the write rests on.
	enter func(ctx context.Context, lock *pawl.Lock, product int) error
	// write changes the stock of product to num.
	write func(ctx context.Context, lock *pawl.Lock, product, num int) change
}

// underLock is read-then-write under the lock.
func underLock(env *lab.Env, g guard) lab.Serve {
	return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
		take := func() (*pawl.Lock, error) { return env.Locks.Lock(ctx, lockOf(env, buyer)) }
		return lab.UnderLock(ctx, env, take, func(lock *pawl.Lock) (lab.Answer, error) {
			return buyLocked(ctx, env, buyer, lock, g)
		})
	})
}

// lockOf returns the name of the lock on what a buyer wants.
func lockOf(env *lab.Env, buyer int) string {
	return fmt.Sprint(env.Lock, ":", productOf(env.Setup, buyer))
}

// buyLocked buys for a buyer who holds lock.
func buyLocked(ctx context.Context, env *lab.Env, buyer int, lock *pawl.Lock, g guard) (lab.Answer, error) {
	product := productOf(env.Setup, buyer)
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
	if err := env.LastLook(ctx, lock); err != nil {
		return "", err
	}
	// The write gets ctx and not the lock's context. That one would end some more of
	// these writes, and not the one that has left the process already: the window
	// gets narrower and stays.
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(sell(ctx, env, buyer, g.write(ctx, lock, product, s.num-1)))
}
