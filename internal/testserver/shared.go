package testserver

import (
	"context"
	"os"
	"slices"
	"sync"
)

var (
	sharedMu      sync.Mutex
	sharedServers = map[string]any{}
	sharedEnd     []func() // to be called in reverse order
)

// Shared returns what start starts, once for all tests of the package: for servers
// that take seconds to start, and for tests that do not kill them. TestMain has to run
// the tests through Stopping. Tests keep apart by databases or names of their own.
func Shared[T any](tb TB, name string, start func(tb TB) T) T {
	tb.Helper()
	sharedMu.Lock()
	defer sharedMu.Unlock()
	if s, ok := sharedServers[name]; ok {
		return s.(T)
	}
	s := start(shared{tb})
	sharedServers[name] = s
	return s
}

// Stopping returns tests that stop the shared servers at their end.
func Stopping(tests interface{ Run() int }) interface{ Run() int } { return stopping{tests} }

type stopping struct{ tests interface{ Run() int } }

// Run runs the tests and stops the shared servers.
func (s stopping) Run() int {
	defer stopShared()
	return s.tests.Run()
}

func stopShared() {
	sharedMu.Lock()
	defer sharedMu.Unlock()
	for _, end := range slices.Backward(sharedEnd) {
		end()
	}
	sharedEnd = nil
	clear(sharedServers)
}

// shared is the test that happens to start a shared server, which outlives it.
type shared struct{ TB }

func (shared) Context() context.Context { return context.Background() }

// Cleanup is called under sharedMu.
func (shared) Cleanup(end func()) { sharedEnd = append(sharedEnd, end) }

func (s shared) TempDir() string {
	s.Helper()
	dir, err := os.MkdirTemp("", "pawl-shared-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Failed is false: what happened to one test says nothing of a shared server.
func (shared) Failed() bool { return false }
