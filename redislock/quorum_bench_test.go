package redislock_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pawl-go/pawl"
)

// BenchmarkQuorum locks and unlocks, each worker a lock of its own.
func BenchmarkQuorum(b *testing.B) {
	for _, n := range []int{3, 5} {
		all := startNodes(b, n)
		for _, workers := range []int{1, 64} {
			b.Run(fmt.Sprintf("nodes=%d/workers=%d", n, workers), func(b *testing.B) {
				client, err := pawl.New(mustOpen(b, all.url()), nil)
				must(b, err)
				defer func() { must(b, client.Close(context.Background())) }()
				var pairs atomic.Int64
				var group sync.WaitGroup
				for i := range workers {
					group.Go(func() {
						name := fmt.Sprintf("own:%d", i)
						for pairs.Add(1) <= int64(b.N) {
							lock, err := client.Lock(b.Context(), name)
							if err == nil {
								err = lock.Unlock()
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
			})
		}
	}
}
