package signup

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

// discarding submits if the lock is free. Otherwise somebody else submits the same account:
// this submit is discarded, and what it has to do is to look whether the account is there.
// While it is not, and the lock is free again, the other one has died and it is tried
// again. try reports whether it got the lock.
func discarding(ctx context.Context, env *lab.Env, submit int, try func() (told lab.Answer, got bool, err error)) (lab.Answer, error) {
	for {
		told, got, err := try()
		if got || err != nil {
			return told, err
		}
		found, err := find(ctx, env, env.DB, accountOf(env.Setup, submit), "")
		if err != nil || found > 0 {
			return lab.Discarded, err
		}
		env.Think()
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
}
