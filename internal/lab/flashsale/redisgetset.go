package flashsale

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisGetSet = lab.Strategy{
	Name: "redis-get-set",
	Line: "GET the key, and SET it if it is not there",
	Why: "Two commands: everybody who asks between the GET and the SET of another finds the key free too. " +
		"It is the race of the stock again, one step earlier; and a holder that dies leaves the key for ever.",
	Needs: lab.RawRedis,
	Expect: func(s lab.Setup) lab.Outcome {
		if s.Fault == lab.Kill {
			return lab.Stuck.If(s.Buyers > 1) // or worse, before that
		}
		return races(s).If(s.AtOnce() > 1)
	},
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: func(ctx context.Context, key, _ string) (bool, error) {
				if err := env.Redis.Get(ctx, key).Err(); !errors.Is(err, redis.Nil) {
					return false, err
				}
				err := env.Redis.Set(ctx, key, "locked", 0).Err()
				return err == nil, err
			},
			give: anyDelete(env),
		})
	},
}
