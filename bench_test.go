package pawl_test

import (
	"context"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/memlock"
)

func BenchmarkUncontended(b *testing.B) {
	client, _ := pawl.New(memlock.New(), nil)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		lock, err := client.Lock(ctx, "stock:42")
		if err != nil {
			b.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHandoff(b *testing.B) {
	client, _ := pawl.New(memlock.New(), nil)
	ctx := context.Background()
	var last uint64
	b.SetParallelism(50)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lock, err := client.Lock(ctx, "stock:42")
			if err != nil {
				b.Error(err)
				return
			}
			if lock.Token() <= last {
				b.Error("token did not rise")
			}
			last = lock.Token()
			if err := lock.Unlock(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handoffs/s")
}
