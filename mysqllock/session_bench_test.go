package mysqllock

import (
	"testing"

	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
)

// sessionRawCycle is what a program does that calls the functions itself.
func sessionRawCycle(tb testing.TB, addr string, hold func()) sessiontest.Cycle {
	server, conn := &sessionServer{}, sessionRaw(tb, addr)
	return func(name string) error {
		key := server.Key(name)
		if _, err := conn.ExecContext(tb.Context(), "DO GET_LOCK('"+key+"', 10)"); err != nil {
			return err
		}
		hold()
		_, err := conn.ExecContext(tb.Context(), "DO RELEASE_LOCK('"+key+"')")
		return err
	}
}

func BenchmarkSessionOwnKey(b *testing.B) {
	for kind := range sessionServers {
		b.Run(kind, func(b *testing.B) { sessiontest.OwnKey(b, sessionFixture(kind), sessionRawCycle) })
	}
}

func BenchmarkSessionOneKey(b *testing.B) {
	for kind := range sessionServers {
		b.Run(kind, func(b *testing.B) { sessiontest.OneKey(b, sessionFixture(kind), sessionRawCycle) })
	}
}
