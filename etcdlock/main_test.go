package etcdlock_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) { drivertest.Main(testserver.Stopping(m), open) }

func open(ctx context.Context, rawURL string) (driver.Driver, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return etcdlock.Open(ctx, u)
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

// server returns the etcd of the tests that neither stop nor fill it.
func server(tb testing.TB) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, "etcd", func(tb testserver.TB) *testserver.Process { return testserver.Etcd(tb, 1)[0] })
}

// rawClient returns a client to look at the keys of servers.
func rawClient(tb testing.TB, servers ...*testserver.Process) *clientv3.Client {
	tb.Helper()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(addrs(servers), ","), Logger: zap.NewNop()})
	must(tb, err)
	tb.Cleanup(func() { _ = etcd.Close() })
	return etcd
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
