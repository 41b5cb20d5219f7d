package memlock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/memlock"
)

func TestMain(m *testing.M) { drivertest.Main(m, nil) }

// newBackend returns a fresh store for each case.
func newBackend(testing.TB) drivertest.Backend {
	store := memlock.NewStore()
	return drivertest.Backend{Open: func(testing.TB) driver.Driver { return store.Driver() }}
}

func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{New: newBackend})
}

// The same where no time passes but what is waited for, so that every bound is exact.
func TestConformanceExact(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{New: newBackend, Exact: true})
}

func BenchmarkDriver(b *testing.B) {
	drivertest.RunBenchmarks(b, drivertest.Harness{New: newBackend})
}
