package sqlitelock_test

import (
	"context"
	"testing"
)

func BenchmarkUncontended(b *testing.B) {
	client := open(b, tempFile(b))
	defer client.Close(context.Background())
	b.ReportAllocs()
	for b.Loop() {
		lock, err := client.Lock(b.Context(), "stock:42")
		if err != nil {
			b.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}
