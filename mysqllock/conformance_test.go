package mysqllock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
)

// Each engine has a server to itself, whose log is shown when something fails. The timeout
// allows for a machine that is busy with other tests.
func TestConformance(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			url, _ := e.alone(t)
			drivertest.Run(t, harness(url+"?timeout=15s"))
		})
	}
}

// harness is that of the driver that url names.
func harness(url string) drivertest.Harness {
	return drivertest.Harness{New: func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}}
}

func BenchmarkDriver(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			url, _ := e.database(b)
			drivertest.RunBenchmarks(b, harness(url))
		})
	}
}
