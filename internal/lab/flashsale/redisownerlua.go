package flashsale

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

//go:embed lua/unlock.lua
var unlockText string

var unlockScript = redis.NewScript(unlockText)

var redisOwnerLua = lab.Strategy{
	Name: "redis-owner-lua",
	Line: "SET NX with an expiry and the owner; a script compares and deletes",
	Why: "The best of the tutorials: it frees nobody else's lock. But nobody renews it: work that takes longer than the " +
		"expiry is not alone any more, does not know it, and writes over what the next one has sold.",
	Needs:  lab.RawRedis,
	Expect: outlivesKey,
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: takeOwned(env),
			give: func(ctx context.Context, key, me string) { unlockScript.Run(ctx, env.Redis, []string{key}, me) },
		})
	},
}
