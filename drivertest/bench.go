package drivertest

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/history"
)

// RunBenchmarks measures a driver, through clients, as sub-benchmarks of b:
//
//   - Uncontended: Lock and Unlock of a free lock;
//   - Goroutines: the same by 100 goroutines of one client, on one lock;
//   - Clients: the gap between Unlock in one client and Lock in another, in one
//     process;
//   - Processes: the same between two processes; they report the median and the
//     99th percentile;
//   - Waiting: the processor time that 100 waiting processes use together, in cores.
//
// Those with processes are skipped when the driver's Scope is one process.
func RunBenchmarks(b *testing.B, h Harness) {
	b.Helper()
	for _, bench := range []struct {
		name string
		run  func(b *testing.B, e *env)
	}{
		{"Uncontended", benchUncontended},
		{"Goroutines", benchGoroutines},
		{"Clients", benchClients},
		{"Processes", benchProcesses},
		{"Waiting", benchWaiting},
	} {
		b.Run(bench.name, func(b *testing.B) { bench.run(b, newEnv(b, h)) })
	}
}

func lockUnlock(ctx context.Context, client *pawl.Client, name string) error {
	lock, err := client.Lock(ctx, name)
	if err != nil {
		return err
	}
	return lock.Unlock()
}

func benchUncontended(b *testing.B, e *env) {
	client, name := e.client(b, nil), e.name("stock:42")
	b.ReportAllocs()
	for b.Loop() {
		if err := lockUnlock(b.Context(), client, name); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "locks/s")
}

func benchGoroutines(b *testing.B, e *env) {
	const goroutines = 100
	client, name := e.client(b, nil), e.name("stock:42")
	var group sync.WaitGroup
	b.ResetTimer()
	for i := range goroutines {
		group.Go(func() {
			for range b.N/goroutines + (b.N%goroutines+goroutines-1-i)/goroutines {
				if err := lockUnlock(b.Context(), client, name); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "locks/s")
}

// benchClients makes every lock a handoff: two clients, without local handoffs,
// always want it.
func benchClients(b *testing.B, e *env) {
	path := filepath.Join(b.TempDir(), "history.jsonl")
	recorder, err := history.Open(path, history.Host())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = recorder.Close() }()
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: b.N/2 + 1}
	clients := []*pawl.Client{e.client(b, nil), e.client(b, nil)}
	var group sync.WaitGroup
	b.ResetTimer()
	for _, client := range clients {
		group.Go(func() {
			if err := l.byClient(b.Context(), client, recorder); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	reportGaps(b, path, func(history.Event, history.Event) bool { return true })
}

func benchProcesses(b *testing.B, e *env) {
	e.needProcesses(b)
	path := filepath.Join(b.TempDir(), "history.jsonl")
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: b.N/2 + 1}
	all := e.processes(b, 2)
	b.ResetTimer()
	var results []<-chan report
	for _, p := range all {
		results = append(results, p.begin(b, command{Do: "load", Load: l, History: path}))
	}
	for i, p := range all {
		if err := p.resultWithin(b, results[i], time.Hour).err(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	reportGaps(b, path, func(released, acquired history.Event) bool { return released.Process != acquired.Process })
}

// benchWaiting measures one stretch of time, however large b.N is.
func benchWaiting(b *testing.B, e *env) {
	e.needProcesses(b)
	const waiters, stretch = 100, 3 * time.Second
	name := e.name("stock:42")
	client := e.client(b, nil)
	lock := e.lock(b, client, name)
	defer func() { _ = lock.Unlock() }()
	all := e.processes(b, waiters)
	for _, p := range all {
		p.begin(b, on("lock", e.request(name)))
	}
	e.waiting(b, name, waiters)
	work(b.Context(), time.Second) // their starting is over, and their looks at the engine are rare
	usage := func() (sum time.Duration) {
		for _, p := range all {
			sum += p.do(b, command{Do: "usage"}).CPU
		}
		return sum
	}
	begin, before := time.Now(), usage()
	work(b.Context(), stretch)
	cores := (usage() - before).Seconds() / time.Since(begin).Seconds()
	b.ReportMetric(cores, "cores")
	b.ReportMetric(0, "ns/op")
	for _, p := range all {
		p.kill(b)
	}
}

func (e *env) needProcesses(b *testing.B) {
	b.Helper()
	if e.missing(needProcesses) != 0 {
		b.Skip("its scope is one process")
	}
}

// reportGaps reports the time from each release to the acquisition that followed,
// where counts says that it counts.
func reportGaps(b *testing.B, path string, counts func(released, acquired history.Event) bool) {
	b.Helper()
	events, err := history.Read(path)
	if err != nil {
		b.Fatal(err)
	}
	if wrong := history.Check(events); len(wrong) > 0 {
		b.Fatal(wrong[0])
	}
	var gaps []time.Duration
	var released history.Event
	for _, e := range events {
		switch {
		case e.Kind == history.Released:
			released = e
		case released.Kind == history.Released && counts(released, e):
			gaps = append(gaps, e.Time-released.Time)
		}
	}
	slices.Sort(gaps)
	if len(gaps) == 0 {
		return // b.N was too small
	}
	b.ReportMetric(float64(gaps[len(gaps)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(gaps[len(gaps)*99/100])/1e6, "p99-ms")
	b.ReportMetric(float64(len(gaps)), "gaps")
}
