package signup

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

var redisSetNxEx = lab.Strategy{
	Name: "redis-set-nx-ex",
	Line: "SET NX EX on Redis; discard the submit if the key is there, DEL it afterwards",
	Why: "As found in tutorials, and good enough to discard a double click. A holder that takes longer than the expiry " +
		"loses the key without a word, and deletes the key of the next one at its end.",
	Needs: lab.RawRedis,
	Expect: func(s lab.Setup) lab.Outcome {
		return lab.Duplicates.If(races(s) && (s.OutlivesLock() || s.Fault == lab.Slow))
	},
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			return discarding(ctx, env, submit, func() (lab.Answer, bool, error) { return tryRedis(ctx, env, submit) })
		}
	},
}

// tryRedis submits under the key. A Redis that does not answer is asked again.
func tryRedis(ctx context.Context, env *lab.Env, submit int) (told lab.Answer, got bool, err error) {
	key := lockName(env, submit)
	for {
		err = env.Redis.SetArgs(ctx, key, submit, redis.SetArgs{Mode: "NX", TTL: env.TTL}).Err()
		if err == nil {
			break
		}
		if err == redis.Nil || ctx.Err() != nil {
			return "", false, ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
	defer env.Redis.Del(context.WithoutCancel(ctx), key)
	defer env.Held(submit, 0)()
	told, err = findFirst(ctx, env, submit, nil)
	return told, true, err
}
