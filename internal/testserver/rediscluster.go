package testserver

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster starts a Redis Cluster of three masters with a replica each, and
// returns when every node knows of all slots.
func RedisCluster(tb TB) []*Process {
	tb.Helper()
	cli := Need(tb, "redis-cli", "redis-tools")
	var nodes []*Process
	args := []string{"--cluster", "create"}
	for range 6 {
		node := Redis(tb, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
		nodes = append(nodes, node)
		args = append(args, node.Addr)
	}
	args = append(args, "--cluster-replicas", "1", "--cluster-yes")
	if out, err := exec.CommandContext(tb.Context(), cli, args...).CombinedOutput(); err != nil {
		tb.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	for _, node := range nodes {
		if err := until(tb.Context(), func(ctx context.Context) error { return clusterReady(ctx, node.Addr) }); err != nil {
			tb.Fatal(err)
		}
	}
	return nodes
}

func clusterReady(ctx context.Context, addr string) error {
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	nodes, err := rdb.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	if !strings.Contains(info, "cluster_state:ok") || strings.Count(nodes, "slave") != 3 {
		return errors.New("the cluster is not complete")
	}
	return nil
}

// until calls ready until it returns nil, for at most 30 seconds.
func until(ctx context.Context, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
