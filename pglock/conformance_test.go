package pglock_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func randomName() string { return strings.ToLower(rand.Text()[:10]) }

// backend returns the locks of one database, which all cases share.
func backend(tb testing.TB, url string, restart func(testing.TB)) func(testing.TB) drivertest.Backend {
	tb.Helper()
	return func(testing.TB) drivertest.Backend {
		return drivertest.Backend{URL: url, Restart: restart, Open: func(tb testing.TB) driver.Driver { return mustOpen(tb, url) }}
	}
}

func TestConformance(t *testing.T) {
	own := testserver.Postgres(t)
	url := testserver.PostgresURL(own.Addr, "postgres")
	restart := func(tb testing.TB) {
		tb.Helper()
		own.Kill()
		must(tb, own.Start())
	}
	drivertest.Run(t, drivertest.Harness{New: backend(t, url, restart)})
}
