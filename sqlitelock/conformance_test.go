package sqlitelock_test

import (
	"path/filepath"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/sqlitelock"
)

// newBackend returns a fresh file for each case.
func newBackend(tb testing.TB) drivertest.Backend {
	path := filepath.Join(tb.TempDir(), "locks.db")
	return drivertest.Backend{
		URL: path,
		Open: func(tb testing.TB) driver.Driver {
			tb.Helper()
			d, err := sqlitelock.New(tb.Context(), path, nil)
			if err != nil {
				tb.Fatal(err)
			}
			return d
		},
	}
}

func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{New: newBackend})
}

func BenchmarkDriver(b *testing.B) {
	drivertest.RunBenchmarks(b, drivertest.Harness{New: newBackend})
}
