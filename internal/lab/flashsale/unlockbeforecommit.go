package flashsale

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var unlockBeforeCommit = lab.Strategy{
	Name: "unlock-before-commit",
	Line: "misuse: the lock goes back before the transaction has committed",
	Why: "The lock is right and held in the wrong place: a deferred unlock in a function that its caller runs in a " +
		"transaction. Between unlock and commit the next holder reads the old stock. Lock outside, commit inside.",
	Needs:  lab.PawlLocks,
	Expect: func(s lab.Setup) lab.Outcome { return races(s).If(s.AtOnce() > 1) },
	At:     map[lab.Fault]lab.Point{lab.Pause: lab.BeforeCommit, lab.Slow: lab.BeforeCommit, lab.Restart: lab.BeforeCommit, lab.Cut: lab.BeforeCommit},
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			for {
				told, err := buyAndUnlock(ctx, env, buyer)
				if ctx.Err() != nil || !errors.Is(err, pawl.ErrUnavailable) {
					return told, err
				}
				env.Think()
			}
		})
	},
}

// buyAndUnlock reads outside of the transaction, as a page does that was built before, and
// has what it runs in the transaction give the lock back at its end.
func buyAndUnlock(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	lock, err := env.Locks.Lock(ctx, lockOf(env, buyer))
	if err != nil {
		return "", err
	}
	defer lock.Unlock() //nolint:errcheck // the second time of most
	s, err := readStock(ctx, env, buyer)
	if no := s.refusal(); err != nil || no != "" {
		return no, err
	}
	return lab.Told(env.DB.Tx(ctx, func(tx *sql.Tx) error {
		err := buyDeferred(ctx, env, tx, buyer, s, lock)
		env.Failpoint(ctx, lab.BeforeCommit)
		return err
	}))
}

// buyDeferred looks right on its own.
func buyDeferred(ctx context.Context, env *lab.Env, tx *sql.Tx, buyer int, s stock, lock *pawl.Lock) error {
	defer lock.Unlock() //nolint:errcheck // it may have run out in a fault
	defer env.Held(buyer, lock.Token())()
	env.Think()
	return write(ctx, env, tx, buyer, setNum(ctx, env, productOf(env.Setup, buyer), s.num-1))
}
