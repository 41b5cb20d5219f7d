package testserver

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Redis starts a standalone Redis without persistence. flags are added to its command
// line.
func Redis(tb TB, flags ...string) *Process {
	tb.Helper()
	program := Need(tb, "redis-server", "redis-server")
	port := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + port, Dir: tb.TempDir(), ready: redisReady}
	p.argv = append([]string{program, "--port", port, "--bind", "127.0.0.1", "--dir", p.Dir,
		"--save", "", "--appendonly", "no"}, flags...)
	return start(tb, p)
}

// redisReady reports whether a Redis answers at addr, whatever it answers.
func redisReady(ctx context.Context, addr string) error {
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	err := rdb.Ping(ctx).Err()
	if redis.HasErrorPrefix(err, "NOAUTH") {
		return nil
	}
	return err
}
