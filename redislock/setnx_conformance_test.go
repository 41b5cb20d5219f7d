package redislock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

// setNXGaps are the cases of the suite that look at who waits: where everybody polls,
// nobody can be seen. TestSetNXWaiters has waiters of its own.
func setNXGaps() map[string]string {
	gaps := make(map[string]string)
	for _, name := range []string{
		"WaitGranted", "WaitHandoff", "WaitCancelled", "WaitIdempotent", "LineAcrossCancelled",
		"ForeignChangesNothing", "OrphanReleasedWaiter", "ExpiryTwoTTLs", "ExpiryKilledProcess", "ClaimPassedOver",
		"InspectShows", "InspectByClient", "BreakThenRelease", "ForceFrees", "CloseDriverWakes", "CloseClient",
	} {
		gaps[name] = "whoever polls cannot be seen waiting"
	}
	return gaps
}

func TestSetNXConformance(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	url := "redis://" + server.Addr + "?mode=setnx"
	drivertest.Run(t, drivertest.Harness{
		New: func(testing.TB) drivertest.Backend {
			return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
		},
		Gaps: setNXGaps(),
	})
}
