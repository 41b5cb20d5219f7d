package testserver_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Stopping(m)) }

// Servers that start at the same time have a port each, though none has taken its own yet.
func TestFreePortIsNewEachTime(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	for range 500 {
		port := testserver.FreePort(t)
		if seen[port] {
			t.Fatalf("port %d twice", port)
		}
		seen[port] = true
	}
}

// TestServers starts each server, kills it, pauses it and starts it again on its data.
func TestServers(t *testing.T) {
	one := func(start func(tb testserver.TB) []*testserver.Process) func(tb testserver.TB) *testserver.Process {
		return func(tb testserver.TB) *testserver.Process { return start(tb)[0] }
	}
	for name, begin := range map[string]func(tb testserver.TB) *testserver.Process{
		"redis":     func(tb testserver.TB) *testserver.Process { return testserver.Redis(tb) },
		"postgres":  func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) },
		"mariadb":   func(tb testserver.TB) *testserver.Process { return testserver.MariaDB(tb) },
		"mysql":     func(tb testserver.TB) *testserver.Process { return testserver.MySQL(tb) },
		"zookeeper": one(func(tb testserver.TB) []*testserver.Process { return testserver.ZooKeeper(tb, 1) }),
		"etcd":      one(func(tb testserver.TB) []*testserver.Process { return testserver.Etcd(tb, 1) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := begin(t)
			server.Kill()
			if err := server.Start(); err != nil {
				t.Fatal("after a kill:", err)
			}
			server.Pause(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := server.Ready(ctx); err == nil {
				t.Error("a paused server has answered")
			}
			server.Resume(t)
			if err := server.Ready(t.Context()); err != nil {
				t.Error("after a pause:", err)
			}
			server.Stop()
			if err := server.Start(); err != nil {
				t.Fatal("after a stop:", err)
			}
		})
	}
}

func TestEnsembles(t *testing.T) {
	if got := len(testserver.ZooKeeper(t, 3)); got != 3 {
		t.Errorf("ZooKeepers = %d, want 3", got)
	}
	if got := len(testserver.Etcd(t, 3)); got != 3 {
		t.Errorf("etcds = %d, want 3", got)
	}
}

func TestPgBouncer(t *testing.T) {
	server := testserver.Shared(t, "postgres", func(tb testserver.TB) *testserver.Process { return testserver.Postgres(tb) })
	testserver.PgBouncer(t, server, "transaction")
}
