package redislock

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// Check looks at each master that keeps locks: version, role, eviction, persistence,
// replicas, clock, and whether this user may use what locks need. It writes nothing.
func (c *conn) Check(ctx context.Context) ([]driver.Finding, error) {
	switch {
	case c.notices.ctx.Err() != nil:
		return nil, driver.ErrClosed
	case c.cluster == nil:
		return examine(ctx, c.rdb, "", c.notices.channel(""))
	}
	return examineCluster(ctx, c.cluster)
}

// Check looks at what Check of the other mode does, but for publishing.
func (s *setNX) Check(ctx context.Context) ([]driver.Finding, error) {
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		return examineCluster(ctx, cluster)
	}
	return examine(ctx, s.rdb, "", "")
}

// Check looks at every node. One that does not answer is a finding: the others may be
// a majority.
func (c *quorum) Check(ctx context.Context) ([]driver.Finding, error) {
	var findings []driver.Finding
	for i, node := range c.nodes {
		of, err := examine(ctx, node.rdb, fmt.Sprintf("node %d: ", i+1), "")
		if err != nil {
			of = []driver.Finding{{Level: driver.Warning, What: "node", Text: fmt.Sprintf("node %d: %v", i+1, err)}}
		}
		findings = append(findings, of...)
	}
	return findings, ctx.Err()
}

// examineCluster looks at the Cluster and at each master.
func examineCluster(ctx context.Context, cluster *redis.ClusterClient) ([]driver.Finding, error) {
	findings, err := clusterState(ctx, cluster)
	if err != nil {
		return nil, unavailable(err)
	}
	var mu sync.Mutex
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		of, err := examine(ctx, node, node.Options().Addr+": ", "")
		mu.Lock()
		defer mu.Unlock()
		findings = append(findings, of...)
		return err
	})
	return findings, err
}

func clusterState(ctx context.Context, cluster *redis.ClusterClient) ([]driver.Finding, error) {
	info, err := cluster.ClusterInfo(ctx).Result()
	if err != nil {
		return nil, err
	}
	facts := make(map[string]string)
	readInfo(facts, info)
	if facts["cluster_state"] != "ok" {
		return []driver.Finding{{Level: driver.Problem, What: "cluster", Text: "state " + facts["cluster_state"] + ": the locks of some slots cannot be had"}}, nil
	}
	return []driver.Finding{{What: "cluster", Text: facts["cluster_known_nodes"] + " nodes, all slots served"}}, nil
}

// examine looks at one server. channel, when not empty, is one to publish on.
func examine(ctx context.Context, rdb redis.Cmdable, where, channel string) ([]driver.Finding, error) {
	facts := make(map[string]string)
	for _, section := range []string{"server", "memory", "persistence", "replication"} {
		info, err := rdb.Info(ctx, section).Result()
		if err != nil {
			return nil, unavailable(err)
		}
		readInfo(facts, info)
	}
	findings := []driver.Finding{
		{What: driver.Version, Text: "Redis " + facts["redis_version"]},
		role(facts), eviction(facts), persistence(facts), replicas(facts), clockDistance(ctx, rdb), waitAllowed(ctx, rdb),
	}
	if channel != "" {
		findings = append(findings, publishAllowed(ctx, rdb, channel))
	}
	for i := range findings {
		findings[i].Text = where + findings[i].Text
	}
	return findings, nil
}

func role(facts map[string]string) driver.Finding {
	if facts["role"] != "master" {
		return driver.Finding{Level: driver.Problem, What: "role", Text: facts["role"] + ": locks need the master"}
	}
	return driver.Finding{What: "role", Text: "master"}
}

func eviction(facts map[string]string) driver.Finding {
	policy := facts["maxmemory_policy"]
	switch {
	case facts["maxmemory"] == "0":
		return driver.Finding{What: "eviction", Text: "no memory limit (" + policy + ")"}
	case policy != "noeviction":
		return driver.Finding{Level: driver.Problem, What: "eviction",
			Text: "maxmemory-policy " + policy + " may drop a lock that is held; set noeviction, or use another Redis for locks"}
	}
	return driver.Finding{What: "eviction", Text: policy}
}

func persistence(facts map[string]string) driver.Finding {
	switch {
	case facts["loading"] == "1":
		return driver.Finding{Level: driver.Problem, What: "persistence", Text: "still loading its data; try again later"}
	case facts["aof_enabled"] == "1":
		return driver.Finding{What: "persistence", Text: "append-only file; a crash loses what was not synced, with appendfsync everysec up to a second of locks"}
	}
	return driver.Finding{Level: driver.Warning, What: "persistence",
		Text: "no append-only file: a restart forgets locks that are held, and only tokens protect then; set appendonly yes"}
}

func replicas(facts map[string]string) driver.Finding {
	n := facts["connected_slaves"]
	if n == "" || n == "0" {
		return driver.Finding{What: "replicas", Text: "none: no failover, and none that could lose locks"}
	}
	for name, value := range facts {
		if strings.HasPrefix(name, "slave") && strings.Contains(value, "state=") && !strings.Contains(value, "state=online") {
			return driver.Finding{Level: driver.Warning, What: "replicas", Text: n + ", one of them not in step: " + value}
		}
	}
	return driver.Finding{Level: driver.Warning, What: "replicas",
		Text: n + ": a failover may lose the last locks, and only tokens protect then; Options.Replicas makes it less likely"}
}

// clockDistance compares clocks as well as the round trip allows. Leases run out by the
// server's alone; only tokens after a loss of data, or a move, depend on it.
func clockDistance(ctx context.Context, rdb redis.Cmdable) driver.Finding {
	sent := time.Now()
	server, err := rdb.Time(ctx).Result()
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "clock", Text: "TIME is refused, which scripts need: " + err.Error()}
	}
	trip := time.Since(sent)
	distance := server.Sub(sent.Add(trip / 2)).Round(time.Millisecond)
	finding := driver.Finding{What: "clock", Text: fmt.Sprintf("%v from this machine's, give or take %v", distance, trip.Round(time.Microsecond))}
	if distance.Abs() > time.Second+trip {
		finding.Level = driver.Warning
		finding.Text += ": synchronise them, or tokens may fall when locks move to another server"
	}
	return finding
}

func waitAllowed(ctx context.Context, rdb redis.Cmdable) driver.Finding {
	commands, err := rdb.Command(ctx).Result()
	if err != nil {
		return driver.Finding{What: "WAIT", Text: "not known: " + err.Error()}
	}
	if commands["wait"] == nil {
		return driver.Finding{Level: driver.Warning, What: "WAIT", Text: "this server has no WAIT: Options.Replicas cannot be used"}
	}
	return driver.Finding{What: "WAIT", Text: "available"}
}

func publishAllowed(ctx context.Context, rdb redis.Cmdable, channel string) driver.Finding {
	doer, ok := rdb.(interface {
		Do(ctx context.Context, args ...any) *redis.Cmd
	})
	if !ok {
		return driver.Finding{What: "publish", Text: "not known"}
	}
	if err := doer.Do(ctx, "PUBLISH", channel, "").Err(); err != nil {
		return driver.Finding{Level: driver.Warning, What: "publish",
			Text: fmt.Sprintf("refused (%v): waiters look every %v instead of being told; allow the channels %s*", err, look, channel)}
	}
	return driver.Finding{What: "publish", Text: "allowed"}
}
