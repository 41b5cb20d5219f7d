package mysqllock_test

import (
	"context"
	"database/sql"
	"fmt"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/mysqllock"
)

const ttl = 30 * time.Second

// request is for a lease that outlives the test; the holder id is called like the name.
func request(name string) driver.Request {
	return driver.Request{Name: name, Holder: "holder of " + name, Owner: "test", TTL: ttl, NoWait: true}
}

func acquire(tb testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	tb.Helper()
	lease, err := d.Acquire(tb.Context(), req)
	must(tb, err)
	return lease
}

// inLine waits until n stand in the line of name.
func inLine(tb testing.TB, d driver.Driver, name string, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprint(n, " waiters"), func() bool {
		state, err := d.(driver.Inspector).Inspect(tb.Context(), name)
		return err == nil && len(state.Waiters) == n
	})
}

// through returns url with a proxy between.
func through(tb testing.TB, url, addr string) (string, *testserver.Proxy) {
	tb.Helper()
	proxy := testserver.NewProxy(tb, addr)
	return strings.Replace(url, addr, proxy.Addr, 1), proxy
}

// exec2 is exec at the end of a test, whose context is over.
func exec2(db *sql.DB, query string) { _, _ = db.ExecContext(context.Background(), query) }

// smallPool opens the driver of url with one connection.
func smallPool(tb testing.TB, rawURL string) driver.Driver {
	tb.Helper()
	u, err := neturl.Parse(rawURL)
	must(tb, err)
	dsn := testserver.MySQLDSN(u.Host, strings.TrimPrefix(u.Path, "/"))
	d, err := mysqllock.New(tb.Context(), dsn, &mysqllock.Options{PoolSize: 1})
	must(tb, err)
	return d
}
