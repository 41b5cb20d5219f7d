package flashsale

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisSetNxEx = lab.Strategy{
	Name: "redis-set-nx-ex",
	Line: "SET NX with an expiry in one command, and DEL at the end",
	Why: "A dead holder's key runs out. But the DEL asks nobody whose key it is: a holder that was slower than the " +
		"expiry frees the lock of the next one, that one of the one after it, and so on.",
	Needs:  lab.RawRedis,
	Expect: outlivesKey,
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: func(ctx context.Context, key, _ string) (bool, error) {
				return env.Redis.SetNX(ctx, key, "locked", env.TTL).Result()
			},
			give: anyDelete(env),
		})
	},
}
