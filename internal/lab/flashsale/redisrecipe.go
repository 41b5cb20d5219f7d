package flashsale

import (
	"context"
	"crypto/rand"

	"github.com/pawl-go/pawl/internal/lab"
)

// recipe is how a tutorial takes a lock in Redis and gives it back. me is another text
// each time. What fails in give is not looked at, as in the tutorials.
type recipe struct {
	take func(ctx context.Context, key, me string) (bool, error)
	give func(ctx context.Context, key, me string)
}

// underRecipe is read-then-write under a recipe's lock.
func underRecipe(env *lab.Env, r recipe) lab.Serve {
	return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
		key, me := lockOf(env, buyer), rand.Text()
		if err := await(ctx, env, func() (bool, error) { return r.take(ctx, key, me) }); err != nil {
			return "", err
		}
		defer r.give(context.WithoutCancel(ctx), key, me)
		defer env.Held(buyer, 0)()
		return buyByReading(ctx, env, buyer)
	})
}

// anyDelete gives a lock back whoever has it.
func anyDelete(env *lab.Env) func(ctx context.Context, key, me string) {
	return func(ctx context.Context, key, _ string) { env.Redis.Del(ctx, key) }
}

// outlivesKey is what comes of a key that runs out, or is lost, while its holder works: a
// restart loses it, since the lab starts Redis without persistence.
func outlivesKey(s lab.Setup) lab.Outcome {
	return races(s).If(s.AtOnce() > 1 && s.Fault != lab.None && s.Fault != lab.Kill)
}

// outlivesKeyForEver is what comes of a key that does not run out: only a restart takes it
// from its holder, and nothing does when its holder is dead. Neither does anything when
// the connection is cut after the key was set and before the answer came; with one product
// the struck holder has the only key, and nobody is there to lose it.
func outlivesKeyForEver(s lab.Setup) lab.Outcome {
	switch s.Fault {
	case lab.Kill:
		return lab.Stuck.If(s.Buyers > 1)
	case lab.Cut:
		return lab.Stuck.If(s.Products > 1)
	}
	return races(s).If(s.AtOnce() > 1 && s.Fault == lab.Restart)
}
