package transfer

import (
	"context"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlLockAll = lab.Strategy{
	Name: "pawl-lockall",
	Line: "LockAll of both accounts, which takes them in the order of their names",
	Why: "All take the locks in one order, whatever order they ask for, so nobody ever waits in a circle and nothing is " +
		"tried for nothing. Like any lock, it cannot stop a holder that was paused past its lease.",
	Needs:  lab.PawlLocks,
	Expect: expectLocked,
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			o := orderOf(env, number)
			return lab.UnderLock(ctx, env,
				func() (*pawl.Locks, error) {
					return env.Locks.LockAll(ctx, pawl.Want(lockName(env, o.from)), pawl.Want(lockName(env, o.to)))
				},
				func(locks *pawl.Locks) (lab.Answer, error) {
					defer env.Held(number, locks.All()[0].Token())()
					return transferByReading(ctx, env, o, func() error { return env.LastLook(ctx, locks) })
				})
		}
	},
}
