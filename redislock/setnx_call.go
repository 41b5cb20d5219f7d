package redislock

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

//go:embed lua_setnx/*.lua
var setNXFiles embed.FS

// Small scripts, one for each operation: a call from another library does not wait for
// more than one of them.
var (
	setNXAcquire = setNXScript("acquire")
	setNXRenew   = setNXScript("renew")
	setNXRelease = setNXScript("release")
	setNXBreak   = setNXScript("break")
	setNXInspect = setNXScript("inspect")
)

func setNXScript(name string) *redis.Script {
	var text []byte
	for _, file := range []string{"0_value", name} {
		part, err := setNXFiles.ReadFile("lua_setnx/" + file + ".lua")
		if err != nil {
			panic(err) // is embedded
		}
		text = append(text, part...)
	}
	return redis.NewScript(string(text))
}

// within runs call and returns what it does, soon after ctx has ended or s was closed
// at the latest. The call itself goes on until it has its answer or its time is up: a
// client whose ContextTimeoutEnabled is off would not notice the end of ctx, and one
// that does would drop a connection for each.
func within[T any](ctx context.Context, s *setNX, call func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := s.begin(ctx); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	go func() {
		defer s.underWay.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		value, err := call(ctx)
		done <- result{value, s.unavailable(err)}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.closing:
		return none, driver.ErrClosed
	}
}

// unavailable marks a failure of Redis or of the way to it. The driver's own time
// limit must not look like the end of the caller's context.
func (s *setNX) unavailable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, s.timeout)
	}
	return unavailable(err)
}

// run runs one script on one lock.
func (s *setNX) run(ctx context.Context, script *redis.Script, keys []string, args ...any) ([]any, error) {
	answer, err := within(ctx, s, func(ctx context.Context) ([]any, error) {
		return script.Run(ctx, s.rdb, keys, args...).Slice()
	})
	if err == nil && len(answer) == 0 {
		err = unexpected(answer)
	}
	return answer, err
}

// runAll runs script once for each of args on the first keys of the lock, in one round
// trip, or two when the server does not know the script. The commands have their
// errors.
func (s *setNX) runAll(ctx context.Context, script *redis.Script, keys []string, args [][]any) ([]*redis.Cmd, error) {
	return within(ctx, s, func(ctx context.Context) ([]*redis.Cmd, error) {
		cmds := make([]*redis.Cmd, len(keys))
		all := make([]int, len(keys))
		for i := range all {
			all[i] = i
		}
		send := func(indexes []int, run func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
			_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
				for _, i := range indexes {
					cmds[i] = run(ctx, p, keys[i:i+1], args[i]...)
				}
				return nil
			})
		}
		send(all, script.EvalSha)
		var again []int
		for i, cmd := range cmds {
			if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
				again = append(again, i)
			}
		}
		if len(again) > 0 {
			send(again, script.Eval)
		}
		return cmds, nil
	})
}

func unexpected(answer any) error {
	return fmt.Errorf("unexpected answer %v: %w", answer, driver.ErrUnavailable)
}

// wrongType is the error for a key that holds something else than a lock.
func wrongType(key string, kind any) error {
	return fmt.Errorf("key %q holds a %v, not a lock: %w", key, kind, driver.ErrInvalidName)
}

// wholeMillis returns d in milliseconds, rounded up: a lease must not end before the
// holder stops to believe in it.
func wholeMillis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
