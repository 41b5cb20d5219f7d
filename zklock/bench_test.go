package zklock_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
)

func BenchmarkDriver(b *testing.B) {
	url := "zookeeper://" + one(b).Addr + settings
	drivertest.RunBenchmarks(b, drivertest.Harness{New: func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}})
}

// locker returns what takes and gives back one lock, again and again.
type locker func(b *testing.B, name string) func() error

// BenchmarkPeer measures locks of pawl beside those of go-zookeeper, on one server.
func BenchmarkPeer(b *testing.B) {
	addr := one(b).Addr
	conn, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	must(b, err)
	b.Cleanup(conn.Close)
	c := client(b, "zookeeper://"+addr+"?session=10s&tick=500ms", nil)
	sides := []struct {
		name string
		with locker
	}{
		{"pawl", func(b *testing.B, name string) func() error {
			return func() error { return c.Do(b.Context(), name, func(context.Context, *pawl.Lock) error { return nil }) }
		}},
		{"go-zookeeper", func(_ *testing.B, name string) func() error {
			lock := zk.NewLock(conn, "/"+name, zk.WorldACL(zk.PermAll))
			return func() error {
				if err := lock.Lock(); err != nil {
					return err
				}
				return lock.Unlock()
			}
		}},
	}
	for _, side := range sides { // a JVM is slow at first, whoever comes first
		turn := side.with(b, "warm-"+side.name)
		for range 500 {
			must(b, turn())
		}
	}
	for _, load := range []struct {
		name    string
		workers int
		own     bool
	}{{"OwnKey1", 1, true}, {"OwnKey64", 64, true}, {"OneKey100", 100, false}} {
		for _, side := range sides {
			b.Run(load.name+"/"+side.name, func(b *testing.B) {
				workers(b, load.workers, func(i int) func() error {
					name := "bench-one-" + side.name
					if load.own {
						name = fmt.Sprint("bench-", side.name, "-", i)
					}
					return side.with(b, name)
				})
			})
		}
	}
}

// workers shares b.N turns among n workers.
func workers(b *testing.B, n int, of func(i int) func() error) {
	for i := range n { // the folders are there, as they are in use
		if n < 100 || i == 0 {
			must(b, of(i)())
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ResetTimer()
	for i := range n {
		group.Go(func() {
			turn := of(i)
			for left.Add(-1) >= 0 {
				if err := turn(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "locks/s")
}
