package mysqllock

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
	"github.com/pawl-go/pawl/internal/testserver"
)

// sessionServers start the servers that tests share that do not kill them.
var sessionServers = map[string]func(tb testserver.TB) *testserver.Process{
	"mysql-session":   func(tb testserver.TB) *testserver.Process { return testserver.MySQL(tb) },
	"mariadb-session": func(tb testserver.TB) *testserver.Process { return testserver.MariaDB(tb) },
}

func sessionTestServer(tb testing.TB, kind string) *testserver.Process {
	tb.Helper()
	return testserver.Shared(tb, kind, sessionServers[kind])
}

func sessionURL(addr string) string { return testserver.MySQLURL(addr, "") + "?mode=session" }

// sessionOpen opens a driver that is closed at the end of the test.
var sessionOpen = sessiontest.Opener(openSession)

func TestSessionConformance(t *testing.T) {
	for kind := range sessionServers {
		t.Run(kind, func(t *testing.T) {
			url := sessionURL(sessionTestServer(t, kind).Addr)
			drivertest.Run(t, drivertest.Harness{
				New: func(testing.TB) drivertest.Backend {
					return sessiontest.Backend(url, func(tb testing.TB) driver.Driver { return sessionOpen(tb, url) })
				},
				Gaps: sessiontest.Gaps,
			})
		})
	}
}
