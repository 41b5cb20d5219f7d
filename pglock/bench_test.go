package pglock_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/drivertest"
)

func BenchmarkDriver(b *testing.B) {
	drivertest.RunBenchmarks(b, drivertest.Harness{New: backend(b, database(b), nil)})
}

// workers is how many goroutines share the work of a benchmark.
const workers = 64

// share calls do b.N times in all, by workers goroutines that each know their number.
func share(b *testing.B, what string, do func(worker int) error) {
	b.Helper()
	var group sync.WaitGroup
	b.ResetTimer()
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < b.N; i += workers {
				if err := do(worker); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
}

// A lock and its unlock by 64 goroutines, each with a lock of its own, beside what the
// server does at most: upserts of single rows on a connection each.
func BenchmarkOwnKeys(b *testing.B) {
	url := database(b)
	b.Run("pawl", func(b *testing.B) {
		c := client(b, url, nil)
		share(b, "cycles", func(worker int) error {
			lock, err := c.Lock(b.Context(), fmt.Sprint("stock:", worker))
			if err != nil {
				return err
			}
			return lock.Unlock()
		})
	})
	b.Run("upserts", func(b *testing.B) {
		var conns [workers]*pgx.Conn
		for i := range conns {
			conns[i] = connect(b, url)
		}
		exec(b, conns[0], "CREATE TABLE IF NOT EXISTS upserted (name text PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50)")
		share(b, "upserts", func(worker int) error {
			_, err := conns[worker].Exec(b.Context(),
				"INSERT INTO upserted VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = upserted.n + 1", fmt.Sprint("stock:", worker))
			return err
		})
	})
}
