package pglock

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
	"github.com/pawl-go/pawl/internal/testserver"
)

// sessionTestServer is the server that tests share that do not kill it.
func sessionTestServer(tb testing.TB) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, "postgres-session", func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) })
}

func sessionURL(addr string) string {
	return testserver.PostgresURL(addr, "postgres") + "&mode=session"
}

// sessionOpen opens a driver that is closed at the end of the test.
var sessionOpen = sessiontest.Opener(openSession)

func TestSessionConformance(t *testing.T) {
	url := sessionURL(sessionTestServer(t).Addr)
	drivertest.Run(t, drivertest.Harness{
		New: func(testing.TB) drivertest.Backend {
			return sessiontest.Backend(url, func(tb testing.TB) driver.Driver { return sessionOpen(tb, url) })
		},
		Gaps: sessiontest.Gaps,
	})
}
