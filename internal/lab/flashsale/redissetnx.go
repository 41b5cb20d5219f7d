package flashsale

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisSetnx = lab.Strategy{
	Name: "redis-setnx",
	Line: "SETNX, and DEL at the end",
	Why: "One command, so one gets in. But the key has no expiry: when its holder dies it stays, and the shop is closed " +
		"until somebody deletes it by hand.",
	Needs:  lab.RawRedis,
	Expect: outlivesKeyForEver,
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: func(ctx context.Context, key, _ string) (bool, error) {
				return env.Redis.SetNX(ctx, key, "locked", 0).Result()
			},
			give: anyDelete(env),
		})
	},
}
