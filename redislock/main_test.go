package redislock_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

func TestMain(m *testing.M) { drivertest.Main(m, open) }

// The driver of this package, and the usual helpers.
var (
	opener     = testlock.Opener(redislock.Open)
	open       = opener.URL
	mustOpen   = opener.Driver
	must       = testlock.Must
	mustLock   = testlock.Lock
	eventually = testlock.Eventually
	client     = opener.Client
	waiters    = testlock.Waiters
	levels     = opener.Levels
	quick      = testlock.Quick
)

// rawClient returns a client to look at the keys of server.
func rawClient(tb testing.TB, server *testserver.Process) *redis.Client {
	tb.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DisableIdentity: true})
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}
