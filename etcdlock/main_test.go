package etcdlock_test

import (
	"flag"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) {
	// Most of the tests wait for etcd leases to run out: two at a time, which is what two
	// processors make it, take half as long again.
	_ = flag.Set("test.parallel", "4") // or what the command line says
	drivertest.Main(testserver.Stopping(m), open)
}

// The driver of this package, and the usual helpers.
var (
	opener     = testlock.Opener(etcdlock.Open)
	open       = opener.URL
	mustOpen   = opener.Driver
	must       = testlock.Must
	mustLock   = testlock.Lock
	eventually = testlock.Eventually
	client     = opener.Client
	inLine     = testlock.Waiters
	levels     = testlock.Levels
)

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
