package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

// longestWait is how long a transfer waits at most for an account: longer than a transfer
// takes, and short, because two that wait for each other do so for nothing. Each waits for
// another time, so that not both of them let go. The first account is not waited for any
// longer: the line of those who have nothing yet would take it over from one that lets
// go, and the one who has the other account would never get it.
const longestWait = 20 * time.Millisecond

var pawlAnyOrder = lab.Strategy{
	Name: "pawl-any-order",
	Line: "Lock of the one account, then of the other, as the transfer goes, with a bound on the waiting",
	Why: "Two transfers in opposite directions hold an account each and wait for the other's, and no database is there to " +
		"see it. Only the bound on the waiting ends it: let go of everything, rest, and try again. Without it they would " +
		"wait for ever; with it much of the work is for nothing, and under a crowd some give up.",
	Needs:  lab.PawlLocks,
	Expect: expectLocked,
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			o := orderOf(env, number)
			return env.Persist(ctx, isHeld, func() (lab.Answer, error) {
				return lab.UnderLock(ctx, env,
					func() (twoLocks, error) { return lockTwo(ctx, env, o) },
					func(locks twoLocks) (lab.Answer, error) {
						defer env.Held(number, locks.second.Token())()
						return transferByReading(ctx, env, o, func() error { return env.LastLook(ctx, locks) })
					})
			})
		}
	},
}

func isHeld(err error) bool { return errors.Is(err, pawl.ErrHeld) }

// expectLocked is what comes of a holder that outlives its locks: others have transferred
// meanwhile.
func expectLocked(s lab.Setup) lab.Outcome {
	return lab.LosesUpdates.If(s.AtOnce() > 1 && s.OutlivesLock())
}

// twoLocks are two that were taken one after the other.
type twoLocks struct{ first, second *pawl.Lock }

// Context is that of the second, which ends with the first as well: it was taken with the
// context of that one.
func (l twoLocks) Context() context.Context { return l.second.Context() }

func (l twoLocks) Unlock() error { return errors.Join(l.second.Unlock(), l.first.Unlock()) }

func lockTwo(ctx context.Context, env *lab.Env, o order) (twoLocks, error) {
	first, err := env.Locks.Lock(ctx, lockName(env, o.from), pawl.Wait(rand.N(longestWait)))
	if err != nil {
		return twoLocks{}, err
	}
	second, err := env.Locks.Lock(first.Context(), lockName(env, o.to), pawl.Wait(rand.N(longestWait)))
	if err != nil {
		return twoLocks{}, errors.Join(err, context.Cause(first.Context()), first.Unlock())
	}
	return twoLocks{first, second}, nil
}
