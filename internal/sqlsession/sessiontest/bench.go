package sessiontest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// Cycle takes a lock and gives it back.
type Cycle func(name string) error

// OwnKey measures 64 workers that each lock and unlock a name of their own, through a
// client and beside that with plain calls on a connection each.
func OwnKey(b *testing.B, f Fixture, raw func(tb testing.TB, addr string, hold func()) Cycle) {
	const workers = 64
	addr := f.Shared(b).Addr
	client, err := pawl.New(f.Open(b, f.URL(addr, f.Root)), nil)
	must(b, err)
	defer func() { _ = client.Close(b.Context()) }()
	ours := func(name string) error {
		lock, err := client.Lock(b.Context(), name)
		if err != nil {
			return err
		}
		return lock.Unlock()
	}
	theirs := make([]Cycle, workers)
	for i := range theirs {
		theirs[i] = raw(b, addr, func() {})
	}
	prefix := free()
	for b.Loop() { // one round of both, side by side, so that the machine's other work hits both
		rawRate := rate(b, workers, func(i int) error { return theirs[i](fmt.Sprint(prefix, "raw", i)) })
		ourRate := rate(b, workers, func(i int) error { return ours(fmt.Sprint(prefix, i)) })
		b.ReportMetric(rawRate, "raw/s")
		b.ReportMetric(ourRate, "pawl/s")
		b.ReportMetric(ourRate/rawRate, "ratio")
	}
}

// OneKey measures 4 clients of 8 workers each that hold one lock for a millisecond, beside
// 32 workers with plain calls on a connection each, and how evenly the clients share it:
// Jain's index is 1 when all get the same.
func OneKey(b *testing.B, f Fixture, raw func(tb testing.TB, addr string, hold func()) Cycle) {
	const clients, each = 4, 8
	addr, hold := f.Shared(b).Addr, func() { time.Sleep(time.Millisecond) }
	var ours []*pawl.Client
	theirs := make([]Cycle, clients*each)
	for range clients {
		client, err := pawl.New(f.Open(b, f.URL(addr, f.Root)), nil)
		must(b, err)
		defer func() { _ = client.Close(b.Context()) }()
		ours = append(ours, client)
	}
	for i := range theirs {
		theirs[i] = raw(b, addr, hold)
	}
	name := free()
	for b.Loop() {
		rawRate := rate(b, clients*each, func(i int) error { return theirs[i](name + "raw") })
		var counts [clients]atomic.Int64
		ourRate := rate(b, clients*each, func(i int) error {
			counts[i%clients].Add(1)
			return ours[i%clients].Do(b.Context(), name, func(context.Context, *pawl.Lock) error { hold(); return nil })
		})
		sum, squares := 0.0, 0.0
		for i := range counts {
			n := float64(counts[i].Load())
			sum, squares = sum+n, squares+n*n
		}
		b.ReportMetric(rawRate, "raw/s")
		b.ReportMetric(ourRate, "pawl/s")
		b.ReportMetric(ourRate/rawRate, "ratio")
		b.ReportMetric(sum*sum/squares/clients, "jain")
	}
}

// rate runs cycle in n workers for a second.
func rate(b *testing.B, n int, cycle func(i int) error) float64 {
	var group sync.WaitGroup
	counts := make([]int, n)
	began := time.Now()
	for i := range n {
		group.Go(func() {
			for time.Since(began) < time.Second {
				if err := cycle(i); err != nil {
					b.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	sum := 0
	for _, c := range counts {
		sum += c
	}
	return float64(sum) / time.Since(began).Seconds()
}
