package redislock_test

import (
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestConformance(t *testing.T) {
	conform(t, "redis://"+testserver.Redis(t).Addr)
}

func TestConformanceSentinel(t *testing.T) {
	_, _, sentinels := testserver.RedisSentinel(t)
	conform(t, "redis+sentinel://"+addrs(sentinels)+"/"+testserver.SentinelMaster)
}

func TestConformanceCluster(t *testing.T) {
	conform(t, "redis+cluster://"+addrs(testserver.RedisCluster(t)))
}

// conform runs the suite on the Redis that url names.
func conform(t *testing.T, url string) {
	drivertest.Run(t, drivertest.Harness{New: func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}})
}

func addrs(servers []*testserver.Process) string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.Addr
	}
	return strings.Join(all, ",")
}
