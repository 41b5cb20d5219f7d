package signup

import (
	"context"
	"errors"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlTryLock = lab.Strategy{
	Name: "pawl-trylock",
	Line: "TryLock of the account; discard the submit if somebody else has the lock",
	Why: "Of several submits at once one does the work, and the others are told so at once, before they cost the database " +
		"anything. It is renewed while it works, and runs out when it dies; only a pause outlasts it.",
	Needs:  lab.PawlLocks,
	Expect: expectLocked,
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			return discarding(ctx, env, submit, func() (lab.Answer, bool, error) {
				told, err := locked(ctx, env, submit, env.Locks.TryLock)
				if errors.Is(err, pawl.ErrHeld) {
					return "", false, nil
				}
				return told, true, err
			})
		}
	},
}

var pawlLock = lab.Strategy{
	Name: "pawl",
	Line: "Lock of the account, then find, then update or insert",
	Why: "The lock is on a name and not on a row, so it is there before the row is. Whoever waits finds the account " +
		"afterwards. A holder that was paused past its lease inserts all the same: have a unique index as well.",
	Needs:  lab.PawlLocks,
	Expect: expectLocked,
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			return locked(ctx, env, submit, env.Locks.Lock)
		}
	},
}

// locked is find-then-insert under the lock that take takes.
func locked(ctx context.Context, env *lab.Env, submit int, take func(context.Context, string, ...pawl.LockOption) (*pawl.Lock, error)) (lab.Answer, error) {
	return lab.UnderLock(ctx, env,
		func() (*pawl.Lock, error) { return take(ctx, lockName(env, submit)) },
		func(lock *pawl.Lock) (lab.Answer, error) {
			defer env.Held(submit, lock.Token())()
			return findFirst(ctx, env, submit, func() error { return env.LastLook(ctx, lock) })
		})
}
