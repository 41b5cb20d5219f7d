package redislock_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

// nodes are the servers of a quorum.
type nodes []*testserver.Process

func startNodes(tb testing.TB, n int) nodes {
	tb.Helper()
	all := make(nodes, n)
	for i := range all {
		all[i] = testserver.Redis(tb)
	}
	return all
}

// url returns the nodes' URL, with the parameters that say that they never restart.
func (n nodes) url() string {
	var hosts []string
	for _, server := range n {
		hosts = append(hosts, server.Addr)
	}
	return "redis+quorum://" + strings.Join(hosts, ",") + "?durable=true"
}

// open returns a driver on clients of its own, for nodes that count at once unless opts
// says otherwise.
func (n nodes) open(tb testing.TB, opts *redislock.Options) driver.Driver {
	tb.Helper()
	return n.openWith(tb, opts, &redis.Options{MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true})
}

// openWith is open with other settings of the clients.
func (n nodes) openWith(tb testing.TB, opts *redislock.Options, settings *redis.Options) driver.Driver {
	tb.Helper()
	if opts == nil {
		opts = &redislock.Options{Durable: true}
	}
	var clients []redis.UniversalClient
	for _, server := range n {
		own := *settings
		own.Addr = server.Addr
		rdb := redis.NewClient(&own)
		clients = append(clients, rdb)
		tb.Cleanup(func() { _ = rdb.Close() })
	}
	d, err := redislock.NewQuorum(clients, opts)
	must(tb, err)
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// holder returns the holder id that one server has for a lock, or "".
func (n nodes) holder(tb testing.TB, node int, name string) string {
	tb.Helper()
	rdb := rawClient(tb, n[node])
	defer func() { _ = rdb.Close() }()
	holder, err := rdb.HGet(tb.Context(), "pawl:quorum:{"+name+"}", "h").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		tb.Fatal(err)
	}
	return holder
}

func living(ttl time.Duration) func(*driver.Request) {
	return func(req *driver.Request) { req.TTL = ttl }
}

func renewIn(tb testing.TB, d driver.Driver, lease driver.Lease) error {
	tb.Helper()
	return d.Renew(tb.Context(), []driver.Lease{lease})[0].Err
}

// eventually waits until ok says so.
func within20s(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestQuorumConformance(t *testing.T) {
	for name, n := range map[string]int{"Three": 3, "Five": 5} {
		t.Run(name, func(t *testing.T) {
			all := startNodes(t, n)
			drivertest.Run(t, drivertest.Harness{New: func(testing.TB) drivertest.Backend {
				return drivertest.Backend{URL: all.url(), Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, all.url()) }}
			}})
		})
	}
}

func TestQuorumOptions(t *testing.T) {
	t.Parallel()
	clients := make([]redis.UniversalClient, 5)
	for i := range clients {
		rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		t.Cleanup(func() { _ = rdb.Close() })
		clients[i] = rdb
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	t.Cleanup(func() { _ = cluster.Close() })
	for what, test := range map[string]struct {
		nodes []redis.UniversalClient
		opts  *redislock.Options
	}{
		"no nodes":         {},
		"one node":         {nodes: clients[:1]},
		"an even number":   {nodes: clients[:4]},
		"a client twice":   {nodes: []redis.UniversalClient{clients[0], clients[1], clients[0]}},
		"no client":        {nodes: []redis.UniversalClient{clients[0], clients[1], nil}},
		"a cluster":        {nodes: []redis.UniversalClient{clients[0], clients[1], cluster}},
		"negative timeout": {nodes: clients[:3], opts: &redislock.Options{Timeout: -1}},
		"replicas":         {nodes: clients[:3], opts: &redislock.Options{Replicas: 1}},
		"a short MaxTTL":   {nodes: clients[:3], opts: &redislock.Options{MaxTTL: time.Millisecond}},
	} {
		if _, err := redislock.NewQuorum(test.nodes, test.opts); !errors.Is(err, driver.ErrInvalidOption) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want ErrInvalidOption in one line", what, err)
		}
	}
}

// Two nodes that are one server would vote twice.
func TestQuorumSameServer(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 2)
	d := nodes{all[0], all[1], all[0]}.open(t, nil)
	var err error
	within20s(t, "the refusal", func() bool { // unless both nodes have answered, nobody can know
		req := request("x", noWait)
		if _, err = d.Acquire(t.Context(), req); err == nil {
			must(t, d.Release(t.Context(), req))
		}
		return err != nil
	})
	wantErr(t, "Acquire", err, driver.ErrInvalidOption)
}

// Whoever asks at the same moment as others splits the nodes with them; one of them
// gets the lock all the same.
func TestQuorumSplitVotes(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	var drivers []driver.Driver
	for range 4 {
		drivers = append(drivers, all.open(t, nil))
	}
	for round := range 20 {
		var group sync.WaitGroup
		start := make(chan struct{})
		tokens := make(chan uint64, len(drivers))
		for _, d := range drivers {
			group.Go(func() {
				<-start
				req := request("x")
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				lease, err := d.Acquire(ctx, req)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				tokens <- lease.Token
				if err := d.Release(ctx, req); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		group.Wait()
		close(tokens)
		var last uint64
		for token := range tokens {
			if token <= last {
				t.Errorf("round %d: token %d after %d", round, token, last)
			}
			last = token
		}
	}
}
