package etcdlock_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/pawl-go/pawl/internal/testserver"
)

// locker locks a name and returns what unlocks it.
type locker func(ctx context.Context, name string) (unlock func() error, err error)

// contestants make lockers for workers of one process, which share a connection.
var contestants = []struct {
	name    string
	process func(b *testing.B, etcd *testserver.Process, workers int) []locker
}{
	{"pawl", pawlLockers},
	{"mutex", mutexLockers},
}

func pawlLockers(b *testing.B, etcd *testserver.Process, workers int) []locker {
	c := client(b, "etcd://"+etcd.Addr, nil)
	return slices.Repeat([]locker{func(ctx context.Context, name string) (func() error, error) {
		lock, err := c.Lock(ctx, name)
		if err != nil {
			return nil, err
		}
		return lock.Unlock, nil
	}}, workers)
}

// mutexLockers have a session each: two mutexes of one session and name exclude nobody.
func mutexLockers(b *testing.B, etcd *testserver.Process, workers int) []locker {
	raw := rawClient(b, etcd)
	all := make([]locker, workers)
	for i := range all {
		session, err := concurrency.NewSession(raw, concurrency.WithTTL(15))
		must(b, err)
		b.Cleanup(func() { _ = session.Close() })
		all[i] = func(ctx context.Context, name string) (func() error, error) {
			mutex := concurrency.NewMutex(session, name)
			if err := mutex.Lock(ctx); err != nil {
				return nil, err
			}
			return func() error { return mutex.Unlock(ctx) }, nil
		}
	}
	return all
}

// BenchmarkPeer measures pawl beside etcd's own mutex on one server, in one run.
func BenchmarkPeer(b *testing.B) {
	etcd := testserver.Etcd(b, 1)[0]
	for _, bench := range []struct {
		name               string
		processes, workers int
		hold               time.Duration
		own                bool // each worker has a key of its own
	}{
		{"OwnKey1", 1, 1, 0, true},
		{"OwnKey64", 1, 64, 0, true},
		{"OneKey100", 1, 100, 0, false},
		{"OneKey4x8Hold1ms", 4, 8, time.Millisecond, false},
		{"Handoff2", 2, 1, 0, false},
	} {
		for _, c := range contestants {
			b.Run(bench.name+"/"+c.name, func(b *testing.B) {
				var all []locker
				for range bench.processes {
					all = append(all, c.process(b, etcd, bench.workers)...)
				}
				name := func(i int) string {
					if !bench.own {
						i = 0
					}
					return fmt.Sprint("bench", i)
				}
				compete(b, all, name, bench.hold)
			})
		}
	}
}

// compete makes b.N locks, and reports the median time from an unlock to the next lock.
func compete(b *testing.B, all []locker, name func(i int) string, hold time.Duration) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var mu sync.Mutex
	var freed time.Time
	var last int
	var gaps []time.Duration
	var workers sync.WaitGroup
	b.ResetTimer()
	for i, lock := range all {
		workers.Go(func() {
			for left.Add(-1) >= 0 {
				unlock, err := lock(b.Context(), name(i))
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				if !freed.IsZero() && last != i {
					gaps = append(gaps, time.Since(freed))
				}
				mu.Unlock()
				if hold > 0 {
					<-time.After(hold)
				}
				mu.Lock()
				freed, last = time.Now(), i
				mu.Unlock()
				if err := unlock(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "locks/s")
	if slices.Sort(gaps); len(gaps) > 0 && len(all) == 2 {
		b.ReportMetric(float64(gaps[len(gaps)/2])/1e6, "p50-ms")
	}
}
