// Package sessiontest fits drivers in session mode into package drivertest, whose suite
// takes for granted what a lock of a session cannot do.
package sessiontest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
)

// full is what the suite sees of a driver. It does not see a driver.Breaker: Force is all
// that there is of it, and the drivers' own tests use that.
type full interface {
	driver.Driver
	driver.Inspector
}

// Backend returns the backend of one case, on the drivers that open returns.
//
// Its drivers know each other, for two things that the suite does and no program: it
// releases a lease through another client than its own, and lists the names of the case
// to see what was left behind. A server that does not know its names, or tells them to
// few, lists those that the case has used.
func Backend(url string, open func(tb testing.TB) driver.Driver) drivertest.Backend {
	g := &group{owner: make(map[string]full), names: make(map[string]bool)}
	return drivertest.Backend{URL: url, Open: func(tb testing.TB) driver.Driver {
		return &member{full: open(tb).(full), group: g}
	}}
}

type group struct {
	mu    sync.Mutex
	owner map[string]full // of a holder id
	names map[string]bool
}

type member struct {
	full
	group *group
}

func (m *member) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	m.group.mu.Lock()
	m.group.owner[req.Holder] = m.full
	m.group.names[req.Name] = true
	m.group.mu.Unlock()
	return m.full.Acquire(ctx, req)
}

func (m *member) Release(ctx context.Context, req driver.Request) error {
	m.group.mu.Lock()
	owner := m.group.owner[req.Holder]
	m.group.mu.Unlock()
	if owner != nil {
		if err := owner.Release(ctx, req); !errors.Is(err, driver.ErrClosed) {
			return err
		}
	}
	return m.full.Release(ctx, req)
}

func (m *member) List(ctx context.Context, prefix string) (states []driver.State, err error) {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	for name := range m.group.names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		state, err := m.Inspect(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(state.Holders)+len(state.Waiters) > 0 {
			states = append(states, state)
		}
	}
	return states, nil
}

// Opener returns a function that opens a driver with open, and closes it at the end of the
// test.
func Opener(open func(ctx context.Context, u *url.URL) (driver.Driver, error)) func(tb testing.TB, rawURL string) driver.Driver {
	return func(tb testing.TB, rawURL string) driver.Driver {
		tb.Helper()
		u, err := url.Parse(rawURL)
		must(tb, err)
		d, err := open(tb.Context(), u)
		must(tb, err)
		tb.Cleanup(func() { _ = d.Close() }) // the test may have closed it
		return d
	}
}
