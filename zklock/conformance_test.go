package zklock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

// settings of drivers, with a tick of twice that of the servers, because the machine may be
// busy: a TTL of about 5 s, and of 7 s for the suite, of which many cases run at a time.
const (
	settings      = "?session=6s&tick=1s&timeout=10s"
	suiteSettings = "?session=8s&tick=1s&timeout=10s"
)

func TestConformance(t *testing.T) { conform(t, one(t).Addr, suiteSettings) }

func TestConformanceReadWrite(t *testing.T) {
	conform(t, one(t).Addr, suiteSettings+"&recipe=readwrite")
}

// Three servers on one machine write so slowly that leases have to last longer.
func TestConformanceEnsemble(t *testing.T) {
	conform(t, addrs(testserver.ZooKeeper(t, 3, "maxSessionTimeout=60000")), "?session=12s&tick=1s&timeout=10s&recipe=readwrite")
}

// conform runs the suite on the servers at addrs.
func conform(t *testing.T, addrs, params string) {
	url := "zookeeper://" + addrs + "/" + params
	drivertest.Run(t, drivertest.Harness{Gaps: gaps, New: func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}})
}

// gaps are cases that let one lease run out beside one that lives, by different TTLs and
// without renewing. Here all leases have the TTL of the session. TestSlotRunsOut and
// TestReaderRunsOut show the same with renewals.
var gaps = map[string]string{
	"SlotsExpiry":  "the TTL is fixed, and the case does not renew what has to live; see TestSlotRunsOut",
	"ExpiryShared": "the TTL is fixed, and the case does not renew what has to live; see TestReaderRunsOut",
}
