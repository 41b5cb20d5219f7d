package drivertest

import (
	"context"
	"os"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/driver"
)

// workerEnv is set, to the URL of its backend, in the environment of a worker
// process.
const workerEnv = "PAWL_DRIVERTEST_WORKER"

// hasWorkers is set when Main runs the tests, so that worker processes work.
var hasWorkers bool

// Main runs the tests of a driver's package and exits; call it from TestMain. It fails
// when a goroutine is left at the end.
//
// The cases with several processes start the test binary again. In such a worker
// process Main does not run any test: it opens the backend by its URL with open,
// does what the suite tells it, and exits when the suite is gone. open may be nil for
// a driver whose Scope is Process.
func Main(m interface{ Run() int }, open func(ctx context.Context, url string) (driver.Driver, error)) {
	if url, ok := os.LookupEnv(workerEnv); ok {
		os.Exit(runWorker(url, open))
	}
	hasWorkers = open != nil
	goleak.VerifyTestMain(m)
}
