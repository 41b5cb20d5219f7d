//go:build unix

package pawl_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/memlock"
)

// What holding costs: heap and goroutines for each of 10,000 locks, and the share of
// a core that renewing them takes.
func BenchmarkHeld(b *testing.B) {
	const locks = 10_000
	for b.Loop() {
		client, err := pawl.New(memlock.New(), nil)
		if err != nil {
			b.Fatal(err)
		}
		heap, goroutines := heapInUse(), runtime.NumGoroutine()
		held := make([]*pawl.Lock, locks)
		for i := range held {
			if held[i], err = client.Lock(b.Context(), fmt.Sprintf("order:%d", i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heapInUse()-heap)/locks, "B/lock")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		cpu, start := cpuTime(b), time.Now()
		<-time.After(pawl.DefaultTTL)
		b.ReportMetric(100*(cpuTime(b)-cpu).Seconds()/time.Since(start).Seconds(), "%core")
		for _, lock := range held {
			if err := lock.Unlock(); err != nil {
				b.Fatal(err)
			}
		}
		if err := client.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func heapInUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
