package fence

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed lua/fence.lua
var redisScript string

// RedisEval runs a Lua script in Redis and returns its answer, in which a list is a
// []any, a text a string and a number an int64. With go-redis it is
//
//	eval := func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
//		return redis.NewScript(script).Run(ctx, rdb, keys, args...).Result()
//	}
//
// It may send a script again only if the first attempt certainly did not reach the
// server: go-redis repeats what it has no answer to unless MaxRetries is -1.
type RedisEval func(ctx context.Context, script string, keys []string, args ...any) (any, error)

// Redis guards the keys of a Redis, standalone or a Cluster: check and write are one
// script. It holds no state and may be used by many goroutines.
//
//	stock := fence.Redis{Eval: eval}
//	_, err := stock.Do(ctx, "stock:42", lock.Token(), "DECRBY", 1)
//
// The token of a key is kept beside it, in a key of its own in the same slot:
// {stock:42}:fence for stock:42, and {stock}:fence:{stock}:42 for {stock}:42. A key
// with a closing brace outside of such a hash tag, as in a}b, is refused: no name is
// sure to have its slot. Only writes that go through this type are guarded.
//
// The newest token must not be forgotten: with a maxmemory-policy that evicts keys, or
// after a failover to a replica that lags behind, an older holder may be let in.
type Redis struct {
	// Eval runs the script.
	Eval RedisEval
	// Keep is how long a token is remembered after it was last used, when keys come
	// and go; it has to be longer than any holder may have been paused. 0 means for
	// ever.
	Keep time.Duration
}

// Check refuses token if a newer one was used on key before, and remembers it
// otherwise: from then on, nobody with an older one can change key through this type,
// so what is read after it stays true until a newer holder comes. Call it before the
// read that a write will rest on.
//
// Errors, of which all but those of Eval mean that nothing was changed: ErrStale,
// ErrNoToken, ErrInvalidToken, and those of Eval, after which it is open whether
// the script has run.
func (r Redis) Check(ctx context.Context, key string, token uint64) error {
	_, err := r.run(ctx, key, token)
	return err
}

// Set is SET key value, guarded. A ttl over 0 lets the value expire then, in whole
// milliseconds rounded up; 0 keeps it. Its token outlives it.
//
// value is what Eval can send: with go-redis a string, []byte, number or bool.
//
// Errors are those of Check, and a ttl under 0.
func (r Redis) Set(ctx context.Context, key string, token uint64, value any, ttl time.Duration) error {
	command := []any{"SET", value}
	switch {
	case ttl < 0:
		return r.wrap(key, fmt.Errorf("ttl %v: want 0 or more", ttl))
	case ttl > 0:
		command = append(command, "PX", redisMillis(ttl))
	}
	_, err := r.run(ctx, key, token, command...)
	return err
}

// Do runs one command on key, guarded, and returns its answer: the command is given
// without its key, which comes first in it, as in HSET, DECRBY, RPUSH, DEL or GET. It
// must not use any other key.
//
//	_, err := stock.Do(ctx, "stock:42", token, "HSET", "num", 41, "by", "web-1")
//
// Errors are those of Check. A command that fails, as on a key of another type, is an
// error of Eval; it has changed nothing then, but token is remembered.
func (r Redis) Do(ctx context.Context, key string, token uint64, command string, args ...any) (any, error) {
	return r.run(ctx, key, token, append([]any{command}, args...)...)
}

func (r Redis) run(ctx context.Context, key string, token uint64, command ...any) (any, error) {
	result, err := r.eval(ctx, key, token, command)
	return result, r.wrap(key, err)
}

func (r Redis) eval(ctx context.Context, key string, token uint64, command []any) (any, error) {
	beside, ok := fenceKey(key)
	if !ok {
		return nil, errors.New("want a key with no closing brace but that of a {tag}")
	}
	if err := errors.Join(r.check(), checkToken(token)); err != nil {
		return nil, err
	}
	keep := ""
	if r.Keep > 0 {
		keep = strconv.FormatInt(redisMillis(r.Keep), 10)
	}
	args := append([]any{fmt.Sprintf("%020d", token), keep}, command...)
	answer, err := r.Eval(ctx, redisScript, []string{key, beside}, args...)
	if err != nil {
		return nil, err
	}
	return readRedis(token, answer)
}

// readRedis reads the script's answer.
func readRedis(token uint64, answer any) (any, error) {
	list, _ := answer.([]any)
	switch {
	case len(list) == 1 && list[0] == "done":
		return nil, nil
	case len(list) == 2 && list[0] == "done":
		return list[1], nil
	case len(list) == 2 && list[0] == "stale":
		text, _ := list[1].(string)
		stored, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %d is older than %q", ErrStale, token, text)
		}
		return nil, stale(token, stored)
	case len(list) == 2 && list[0] == "foreign":
		return nil, fmt.Errorf("%w: %q is stored in its place", ErrInvalidToken, list[1])
	}
	return nil, fmt.Errorf("unexpected answer %v", answer)
}

// fenceKey returns the key of key's token, or false for a key that cannot have one. No
// two keys share one: in the second form the key itself comes last.
func fenceKey(key string) (beside string, ok bool) {
	if key != "" && !strings.ContainsAny(key, "{}") {
		return "{" + key + "}:fence", true
	}
	tag := key // what Redis Cluster makes the slot from
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if inner, _, ok := strings.Cut(rest, "}"); ok && inner != "" {
			tag = inner
		}
	}
	return "{" + tag + "}:fence:" + key, tag != "" && !strings.Contains(tag, "}")
}

func (r Redis) check() error {
	switch {
	case r.Eval == nil:
		return errors.New("fence.Redis without Eval")
	case r.Keep < 0:
		return fmt.Errorf("fence.Redis: Keep %v: want 0 or more", r.Keep)
	}
	return nil
}

func (r Redis) wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("fence: key %q: %w", key, err)
}

// redisMillis returns d in milliseconds, rounded up.
func redisMillis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
