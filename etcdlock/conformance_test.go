package etcdlock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, harness(testserver.Etcd(t, 1)))
}

func TestConformanceCluster(t *testing.T) {
	drivertest.Run(t, harness(testserver.Etcd(t, 3)))
}

func BenchmarkDriver(b *testing.B) {
	drivertest.RunBenchmarks(b, harness(testserver.Etcd(b, 1)))
}

// harness runs the suite on servers.
func harness(servers []*testserver.Process) drivertest.Harness {
	url := "etcd://" + addrs(servers)
	return drivertest.Harness{New: func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}}
}
