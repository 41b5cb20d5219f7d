package zklock_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/zklock"
)

// Most tests wait for sessions to run out, so that more of them than there are processors
// go well at the same time.
const atOnce = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	drivertest.Main(testserver.Stopping(m), open)
}

// The driver of this package, and the usual helpers.
var (
	opener     = testlock.Opener(zklock.Open)
	open       = opener.URL
	mustOpen   = opener.Driver
	must       = testlock.Must
	mustLock   = testlock.Lock
	eventually = testlock.Eventually
	client     = opener.Client
	levels     = opener.Levels
)

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
