package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

// worker takes a lock again and again and counts what it gets; after an error that the
// failure explains it goes on.
type worker struct {
	client *pawl.Client
	name   string
	done   atomic.Int64
	last   atomic.Uint64 // token
}

func (w *worker) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		err := w.client.Do(ctx, w.name, func(_ context.Context, lock *pawl.Lock) error {
			if last := w.last.Swap(lock.Token()); last >= lock.Token() {
				t.Errorf("%s: token %d after %d", w.name, lock.Token(), last)
			}
			w.done.Add(1)
			return nil
		}, pawl.TTL(time.Second))
		if err != nil && ctx.Err() == nil && !errors.Is(err, pawl.ErrUnavailable) && !errors.Is(err, pawl.ErrLost) {
			t.Errorf("%s: %v", w.name, err)
		}
	}
}

// underLoad runs workers on several names while fail does its work, and until each of
// them has got its lock some more times after that.
func underLoad(t *testing.T, url string, fail func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var all []*worker
	var running sync.WaitGroup
	c := client(t, url, nil)
	for i := range 8 {
		w := &worker{client: c, name: fmt.Sprintf("stock:%d", i)}
		all = append(all, w)
		running.Go(func() { w.run(ctx, t) })
	}
	progress := func() {
		for _, w := range all {
			from := w.done.Load()
			eventually(t, w.name+" goes on", func() bool { return w.done.Load() > from+5 })
		}
	}
	progress()
	fail()
	progress()
	stop()
	running.Wait()
}

// After a failover the new master serves, and tokens go on rising.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master, _, sentinels := testserver.RedisSentinel(t)
	underLoad(t, "redis+sentinel://"+addrs(sentinels)+"/"+testserver.SentinelMaster, master.Kill)
}

// A slot that moves to another node while its locks are in use takes them along.
func TestClusterSlotMigrates(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	underLoad(t, "redis+cluster://"+addrs(nodes), func() { migrate(t, nodes, "pawl:{stock:3}") })
}

// migrate moves the slot of key to another master.
func migrate(t *testing.T, nodes []*testserver.Process, key string) {
	t.Helper()
	ctx := t.Context()
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Addr}})
	defer rdb.Close()
	slot := rdb.ClusterKeySlot(ctx, key).Val()
	from, err := rdb.MasterForKey(ctx, key)
	must(t, err)
	others := make(chan *redis.Client, len(nodes))
	must(t, rdb.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		if node.Options().Addr != from.Options().Addr {
			others <- node
		}
		return nil
	}))
	to := <-others
	fromID, toID := from.Do(ctx, "CLUSTER", "MYID").Val(), to.Do(ctx, "CLUSTER", "MYID").Val()
	must(t, to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID).Err())
	must(t, from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID).Err())
	host, port := to.Options().Addr[:len("127.0.0.1")], to.Options().Addr[len("127.0.0.1:"):]
	for {
		keys, err := from.ClusterGetKeysInSlot(ctx, int(slot), 100).Result()
		must(t, err)
		if len(keys) == 0 {
			break
		}
		args := []any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}
		for _, key := range keys {
			args = append(args, key)
		}
		must(t, from.Do(ctx, args...).Err())
	}
	must(t, to.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", toID).Err())
	must(t, from.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", toID).Err())
}

// With Replicas a lock is granted when a replica has it, and otherwise nobody holds it.
func TestReplicas(t *testing.T) {
	t.Parallel()
	master, replica, _ := testserver.RedisSentinel(t)
	rdb := rawClient(t, master)
	d, err := redislock.New(rdb, &redislock.Options{Replicas: 1, Timeout: 600 * time.Millisecond})
	must(t, err)
	c, err := pawl.New(d, nil)
	must(t, err)
	defer c.Close(t.Context())
	must(t, quick(t.Context(), c, "x"))
	replica.Pause(t)
	if _, err := c.TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrUnavailable) {
		t.Errorf("granted without the replica: %v", err)
	}
	witness := client(t, "redis://"+master.Addr, nil)
	eventually(t, "undone", func() bool {
		info, err := witness.Inspect(t.Context(), "x")
		return err == nil && len(info.Holders) == 0
	})
	replica.Resume(t)
	must(t, quick(t.Context(), c, "x"))
}

func TestReplicasRefused(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer rdb.Close()
	if _, err := redislock.New(rdb, &redislock.Options{Replicas: -1}); !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("got %v", err)
	}
}

// Ten thousand locks are renewed in few calls.
func TestTenThousandHeld(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c, rdb := client(t, "redis://"+server.Addr, nil), rawClient(t, server)
	const locks, ttl = 10_000, 6 * time.Second
	held := make([]*pawl.Lock, locks)
	var all sync.WaitGroup
	for from := range 100 {
		all.Go(func() {
			for i := from; i < locks; i += 100 {
				lock, err := c.Lock(t.Context(), fmt.Sprint("order:", i), pawl.TTL(ttl))
				if err != nil {
					t.Error(err)
					return
				}
				held[i] = lock
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	calls := func() (n int64) {
		stats := rdb.Info(t.Context(), "commandstats").Val()
		_, after, _ := cut(stats, "cmdstat_evalsha:calls=")
		_, _ = fmt.Sscan(after, &n)
		return n
	}
	before, until := calls(), held[0].Until()
	eventually(t, "a renewal of all", func() bool { return held[0].Until().Sub(until) > ttl/2 })
	if n := calls() - before; n > 200 {
		t.Errorf("%d calls for two renewals of %d locks", n, locks)
	}
	for _, lock := range held {
		if err := lock.Context().Err(); err != nil {
			t.Fatal(context.Cause(lock.Context()))
		}
		all.Go(func() {
			if err := lock.Unlock(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// cut parts text at the first sep, and its rest at the next comma.
func cut(text, sep string) (before, after string, found bool) {
	for i := range len(text) - len(sep) {
		if text[i:i+len(sep)] == sep {
			rest := text[i+len(sep):]
			for j := range len(rest) {
				if rest[j] == ',' {
					return text[:i], rest[:j], true
				}
			}
		}
	}
	return text, "", false
}

// A thousand who wait for one name get it in turn.
func TestThousandWaiters(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c := client(t, "redis://"+server.Addr, nil)
	lock := mustLock(t, c, "x")
	const n = 1000
	var line sync.WaitGroup
	var got atomic.Int64
	for range n {
		line.Go(func() {
			err := c.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { got.Add(1); return nil }, pawl.Note("in the server's line"))
			if err != nil {
				t.Error(err)
			}
		})
	}
	waiters(t, c, "x", n)
	must(t, lock.Unlock())
	line.Wait()
	if got.Load() != n {
		t.Errorf("%d of %d", got.Load(), n)
	}
}
