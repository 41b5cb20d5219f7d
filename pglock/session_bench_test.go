package pglock

import (
	"testing"

	"github.com/pawl-go/pawl/internal/sqlsession/sessiontest"
)

// sessionRawCycle is what a program does that calls the functions itself.
func sessionRawCycle(tb testing.TB, addr string, hold func()) sessiontest.Cycle {
	server, conn := &sessionServer{prefix: sessionPrefix}, sessionRaw(tb, addr)
	return func(name string) error {
		key := server.Key(name)
		if _, err := conn.Exec(tb.Context(), "SELECT pg_advisory_lock($1::text::bigint)", key); err != nil {
			return err
		}
		hold()
		_, err := conn.Exec(tb.Context(), "SELECT pg_advisory_unlock($1::text::bigint)", key)
		return err
	}
}

func BenchmarkSessionOwnKey(b *testing.B) {
	sessiontest.OwnKey(b, sessionFixture, sessionRawCycle)
}

func BenchmarkSessionOneKey(b *testing.B) {
	sessiontest.OneKey(b, sessionFixture, sessionRawCycle)
}
