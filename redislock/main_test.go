package redislock_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

func TestMain(m *testing.M) { drivertest.Main(m, open) }

func open(ctx context.Context, rawURL string) (driver.Driver, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return redislock.Open(ctx, u)
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

// rawClient returns a client to look at the keys of server.
func rawClient(tb testing.TB, server *testserver.Process) *redis.Client {
	tb.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DisableIdentity: true})
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
