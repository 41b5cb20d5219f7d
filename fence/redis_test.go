//go:build unix

package fence_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/testserver"
)

// redisGuard returns a guard of the Redis at addr, and a client to look at it.
func redisGuard(addr string) (fence.Redis, *redis.Client) {
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	return fence.Redis{
		Eval: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			return redis.NewScript(script).Run(ctx, rdb, keys, args...).Result()
		},
	}, rdb
}

func newRedisGuard(t *testing.T) (fence.Redis, *redis.Client) {
	t.Helper()
	guard, rdb := redisGuard(testserver.Redis(t).Addr)
	t.Cleanup(func() { must(t, rdb.Close()) })
	return guard, rdb
}

// writeRedis is what a process does that plays the role redis.
func writeRedis(ctx context.Context, token uint64) error {
	guard, rdb := redisGuard(os.Getenv(shopVariable))
	defer rdb.Close()
	return guard.Set(ctx, "stock:42", token, 50, 0)
}

// Tokens that are equal to a double are told apart.
func TestRedisRefusesOlderTokens(t *testing.T) {
	t.Parallel()
	guard, rdb := newRedisGuard(t)
	for i, newer := range []uint64{2, 10, 100, 1 << 53, 1<<53 + 2, 1_790_000_000_000_000 << 8, math.MaxInt64 - 1, math.MaxInt64} {
		key := fmt.Sprintf("stock:%d", i)
		must(t, guard.Set(t.Context(), key, newer, "newer", 0))
		for _, older := range []uint64{newer - 1, 1} {
			wantStale := guard.Set(t.Context(), key, older, "older", 0)
			if !errors.Is(wantStale, fence.ErrStale) || !strings.Contains(wantStale.Error(), fmt.Sprintf("%d is older than %d", older, newer)) {
				t.Errorf("Set with %d after %d: %v, want %v and both tokens", older, newer, wantStale, fence.ErrStale)
			}
			if err := guard.Check(t.Context(), key, older); !errors.Is(err, fence.ErrStale) {
				t.Errorf("Check of %d after %d: %v, want %v", older, newer, err, fence.ErrStale)
			}
			if _, err := guard.Do(t.Context(), key, older, "APPEND", "x"); !errors.Is(err, fence.ErrStale) {
				t.Errorf("Do with %d after %d: %v, want %v", older, newer, err, fence.ErrStale)
			}
		}
		must(t, guard.Check(t.Context(), key, newer))
		if got := rdb.Get(t.Context(), key).Val(); got != "newer" {
			t.Errorf("%s is %q, want newer", key, got)
		}
	}
}

func TestRedisInvalidUse(t *testing.T) {
	t.Parallel()
	guard, rdb := newRedisGuard(t)
	ctx := t.Context()
	for want, err := range map[error]error{
		fence.ErrNoToken:      guard.Set(ctx, "a", 0, "x", 0),
		fence.ErrInvalidToken: guard.Set(ctx, "a", math.MaxInt64+1, "x", 0),
	} {
		if !errors.Is(err, want) {
			t.Errorf("Set: %v, want %v", err, want)
		}
	}
	for what, err := range map[string]error{
		"no key":        guard.Check(ctx, "", 1),
		"a stray brace": guard.Check(ctx, "a}b", 1),
		"a ttl under 0": guard.Set(ctx, "a", 1, "x", -1),
		"no Eval":       fence.Redis{}.Check(ctx, "a", 1),
		"Keep under 0":  fence.Redis{Eval: guard.Eval, Keep: -1}.Check(ctx, "a", 1),
	} {
		if err == nil {
			t.Errorf("%s: nil, want an error", what)
		}
	}
	must(t, rdb.Set(ctx, "{b}:fence", "a text of twenty b..", 0).Err())
	if err := guard.Set(ctx, "b", 1, "x", 0); !errors.Is(err, fence.ErrInvalidToken) {
		t.Errorf("Set where something else is stored: %v, want %v", err, fence.ErrInvalidToken)
	}
	if keys := rdb.Keys(ctx, "*").Val(); len(keys) != 1 {
		t.Errorf("keys %q were written", keys)
	}
}

func TestRedisDo(t *testing.T) {
	t.Parallel()
	guard, rdb := newRedisGuard(t)
	ctx := t.Context()
	do := func(key, command string, args ...any) any {
		t.Helper()
		answer, err := guard.Do(ctx, key, 7, command, args...)
		must(t, err)
		return answer
	}
	if got := do("{stock}:42", "HSET", "num", 41, "by", "web-1"); got != int64(2) {
		t.Errorf("HSET: %v, want 2", got)
	}
	if got := do("{stock}:42", "HINCRBY", "num", -1); got != int64(40) {
		t.Errorf("HINCRBY: %v, want 40", got)
	}
	if got := do("{stock}:42", "HGET", "none"); got != nil {
		t.Errorf("HGET of nothing: %v, want nil", got)
	}
	if diff := cmp.Diff([]any{"num", "by"}, do("{stock}:42", "HKEYS")); diff != "" {
		t.Errorf("HKEYS (-want +got)\n%s", diff)
	}
	if _, err := guard.Do(ctx, "{stock}:42", 8, "INCR"); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("INCR of a hash: %v, want WRONGTYPE", err)
	}
	if err := guard.Check(ctx, "{stock}:42", 7); !errors.Is(err, fence.ErrStale) {
		t.Errorf("Check after a newer holder's command has failed: %v, want %v", err, fence.ErrStale)
	}
	if got := rdb.Get(ctx, "{stock}:fence:{stock}:42").Val(); got != "00000000000000000008" {
		t.Errorf("the token is stored as %q", got)
	}
}

// The keys of tokens are in the slots of what they guard, and no two keys share one.
func TestRedisTokenKeys(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--cluster-enabled", "yes")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { must(t, rdb.Close()) })
	slot := func(key string) int64 {
		t.Helper()
		n, err := rdb.ClusterKeySlot(t.Context(), key).Result()
		must(t, err)
		return n
	}
	seen := make(map[string]string)
	for _, key := range []string{"a", "stock:42", "{a}", "{a}b", "b{a}", "a{b", "{", "{{a}}", "{a}:fence", "{a}:fence:a", "日本語", "a\x00"} {
		var beside string
		guard := fence.Redis{Eval: func(_ context.Context, _ string, keys []string, _ ...any) (any, error) {
			beside = keys[1]
			return []any{"done"}, nil
		}}
		must(t, guard.Check(t.Context(), key, 1))
		if slot(beside) != slot(key) {
			t.Errorf("%q is in slot %d, and its token %q in %d", key, slot(key), beside, slot(beside))
		}
		if other, ok := seen[beside]; ok {
			t.Errorf("%q and %q share %q", key, other, beside)
		}
		seen[beside] = key
	}
}

// The value goes with its ttl, and its token with Keep.
func TestRedisExpiry(t *testing.T) {
	t.Parallel()
	guard, rdb := newRedisGuard(t)
	ctx := t.Context()
	must(t, guard.Set(ctx, "a", 7, "x", time.Hour))
	kept := fence.Redis{Eval: guard.Eval, Keep: 24 * time.Hour}
	must(t, kept.Set(ctx, "b", 7, "x", 0))
	near := func(key string, want time.Duration) {
		t.Helper()
		got := rdb.PTTL(ctx, key).Val()
		if want < 0 && got >= 0 || want > 0 && (got > want || got < want-time.Minute) {
			t.Errorf("%s lives for %v, want %v", key, got, want)
		}
	}
	near("a", time.Hour)
	near("{a}:fence", -1)
	near("b", -1)
	near("{b}:fence", 24*time.Hour)
}

// Of many writers the one with the newest token has the last word.
func TestRedisConcurrent(t *testing.T) {
	t.Parallel()
	const first, writers = uint64(math.MaxInt64 - 200), 200
	guard, rdb := newRedisGuard(t)
	var all sync.WaitGroup
	for i := range uint64(writers) {
		all.Go(func() {
			token := first + (i*77)%writers
			if err := guard.Set(t.Context(), "stock:42", token, token, 0); err != nil && !errors.Is(err, fence.ErrStale) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, want := rdb.Get(t.Context(), "stock:42").Val(), fmt.Sprint(first+writers-1); got != want {
		t.Errorf("the last to write was %s, want %s", got, want)
	}
}

// A process that is stopped past its lease and resumed after another has written is
// refused by the script.
func TestPausedHolderIsRefusedByRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	guard, rdb := redisGuard(server.Addr)
	t.Cleanup(func() { must(t, rdb.Close()) })
	locks := "sqlite://" + filepath.Join(t.TempDir(), "locks.db")
	h := startHolder(t, "redis", locks, server.Addr)
	token := h.takeOver(locks)
	must(t, guard.Set(t.Context(), "stock:42", token, 99, 0))
	got := h.goOn()
	if !strings.Contains(got, fence.ErrStale.Error()) {
		t.Errorf("the paused process says %q, want %q in it", got, fence.ErrStale)
	}
	if got := rdb.Get(t.Context(), "stock:42").Val(); got != "99" {
		t.Errorf("stock:42 is %s, want 99", got)
	}
}
