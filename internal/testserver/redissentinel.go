package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// SentinelMaster is the name under which the Sentinels know the master.
const SentinelMaster = "pawl"

// RedisSentinel starts a master, a replica and three Sentinels that fail over when the
// master has not answered for half a second.
func RedisSentinel(tb TB) (master, replica *Process, sentinels []*Process) {
	tb.Helper()
	program := Need(tb, "redis-sentinel", "redis-sentinel")
	master = Redis(tb, "--repl-diskless-sync-delay", "0")
	host, port := splitAddr(tb, master.Addr)
	replica = Redis(tb, "--replicaof", host+" "+port)
	for range 3 {
		sentinels = append(sentinels, sentinel(tb, program, host, port))
	}
	for _, s := range sentinels {
		if err := until(tb.Context(), func(ctx context.Context) error { return sentinelReady(ctx, s.Addr) }); err != nil {
			tb.Fatal(err)
		}
	}
	return master, replica, sentinels
}

func sentinel(tb TB, program, host, port string) *Process {
	tb.Helper()
	own := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + own, Dir: tb.TempDir(), ready: redisReady}
	config := filepath.Join(p.Dir, "sentinel.conf") // which the Sentinel rewrites
	text := fmt.Sprintf("port %[1]s\nbind 127.0.0.1\ndir %[2]s\nsentinel monitor %[3]s %[4]s %[5]s 2\n"+
		"sentinel down-after-milliseconds %[3]s 500\nsentinel failover-timeout %[3]s 3000\n", own, p.Dir, SentinelMaster, host, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	p.argv = []string{program, config}
	return start(tb, p)
}

// sentinelReady reports whether a Sentinel knows the replica and the two others.
func sentinelReady(ctx context.Context, addr string) error {
	s := redis.NewSentinelClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer func() { _ = s.Close() }()
	replicas, err := s.Replicas(ctx, SentinelMaster).Result()
	if err != nil {
		return err
	}
	others, err := s.Sentinels(ctx, SentinelMaster).Result()
	if err != nil {
		return err
	}
	if len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" || len(others) != 2 {
		return errors.New("the Sentinels do not know each other yet")
	}
	return nil
}
