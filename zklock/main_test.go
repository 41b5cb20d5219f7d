package zklock_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/zklock"
)

func TestMain(m *testing.M) { drivertest.Main(testserver.Stopping(m), open) }

func open(ctx context.Context, rawURL string) (driver.Driver, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return zklock.Open(ctx, u)
}

// mustOpen opens a driver that is closed at the end of the test.
func mustOpen(tb testing.TB, rawURL string) driver.Driver {
	tb.Helper()
	d, err := open(tb.Context(), rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() }) // the test may have closed it
	return d
}

// one returns the server that tests share which do not harm it.
func one(tb testing.TB) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, "zookeeper", func(tb testserver.TB) *testserver.Process { return testserver.ZooKeeper(tb, 1)[0] })
}

func addrs(servers []*testserver.Process) string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.Addr
	}
	return strings.Join(all, ",")
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
