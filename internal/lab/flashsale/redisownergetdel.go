package flashsale

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisOwnerGetDel = lab.Strategy{
	Name: "redis-owner-get-del",
	Line: "SET NX with an expiry and the owner; GET, and DEL if it is mine",
	Why: "Right until the key runs out between the GET and the DEL: then the DEL hits the next holder's key after all. " +
		"Check and delete have to be one step.",
	Needs:  lab.RawRedis,
	Expect: outlivesKey,
	// Slow shows what is wrong with this one; the others, what it shares with the next.
	// Whose key is hit has read and not yet written then, and the third reads the same.
	At:   map[lab.Fault]lab.Point{lab.Slow: lab.BetweenCommands},
	Then: map[lab.Fault]lab.Point{lab.Slow: lab.BeforeWrite},
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: takeOwned(env),
			give: func(ctx context.Context, key, me string) {
				owner, err := env.Redis.Get(ctx, key).Result()
				if err != nil || owner != me {
					return
				}
				env.Failpoint(ctx, lab.BetweenCommands)
				env.Redis.Del(ctx, key)
			},
		})
	},
}

// takeOwned takes a lock with an expiry that knows its holder.
func takeOwned(env *lab.Env) func(ctx context.Context, key, me string) (bool, error) {
	return func(ctx context.Context, key, me string) (bool, error) {
		return env.Redis.SetNX(ctx, key, me, env.TTL).Result()
	}
}
