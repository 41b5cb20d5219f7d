package flashsale

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisSetnxExpire = lab.Strategy{
	Name: "redis-setnx-expire",
	Line: "SETNX, then EXPIRE, and DEL at the end",
	Why: "Between the two commands the key has no expiry: a holder that dies there leaves it for ever. And one that is " +
		"slower than the expiry is not alone, and then deletes the key of the next.",
	Needs: lab.RawRedis,
	Expect: func(s lab.Setup) lab.Outcome {
		if s.Fault == lab.Kill {
			return lab.Stuck.If(s.Buyers > 1)
		}
		return outlivesKey(s)
	},
	At: map[lab.Fault]lab.Point{lab.Kill: lab.BetweenCommands},
	New: func(env *lab.Env) lab.Serve {
		return underRecipe(env, recipe{
			take: func(ctx context.Context, key, _ string) (bool, error) {
				got, err := env.Redis.SetNX(ctx, key, "locked", 0).Result()
				if !got || err != nil {
					return false, err
				}
				env.Failpoint(ctx, lab.BetweenCommands)
				return true, env.Redis.Expire(ctx, key, env.TTL).Err()
			},
			give: anyDelete(env),
		})
	},
}
