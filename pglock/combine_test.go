package pglock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
)

// gathering returns a combiner whose first transactions do nothing until others have
// gathered: those then go through run together.
func gathering(run func(names []string) error) (b *combiner, gathered func(n int)) {
	release := make(chan struct{})
	b = &combiner{timeout: 5 * time.Second, failure: func(_ context.Context, err error) error { return err }}
	b.run = func(_ context.Context, batch []*operation) error {
		var names []string
		for _, op := range batch {
			names = append(names, op.req.Name)
		}
		if slices.Equal(names, []string{"first"}) {
			<-release
			return nil
		}
		return run(names)
	}
	return b, func(n int) {
		for {
			b.mu.Lock()
			pending := len(b.pending)
			b.mu.Unlock()
			if pending == n {
				close(release)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// do runs an operation on each of the names, after those that gather, and returns their
// errors.
func doTogether(t *testing.T, b *combiner, gathered func(int), names ...string) map[string]error {
	t.Helper()
	var mu sync.Mutex
	ends := make(map[string]error)
	var group sync.WaitGroup
	for range maxFlights {
		group.Go(func() { _, _ = b.do(t.Context(), &driver.Request{Name: "first"}) })
	}
	for {
		b.mu.Lock()
		flights, pending := b.flights, len(b.pending)
		b.mu.Unlock()
		if flights == maxFlights && pending == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, name := range names {
		group.Go(func() {
			_, err := b.do(t.Context(), &driver.Request{Name: name})
			mu.Lock()
			defer mu.Unlock()
			ends[name] = err
		})
	}
	gathered(len(names))
	group.Wait()
	b.close()
	return ends
}

// One operation whose row is locked fails alone, and a deadlock fails nobody.
func TestCombinerTriesAgainOneByOne(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	together, deadlocks := 0, 0
	b, gathered := gathering(func(names []string) error {
		mu.Lock()
		defer mu.Unlock()
		together = max(together, len(names))
		switch {
		case slices.Contains(names, "stuck"):
			return &pgconn.PgError{Code: stateLockTimeout}
		case len(names) == 1 && deadlocks == 0:
			deadlocks++
			return &pgconn.PgError{Code: stateDeadlock}
		}
		return nil
	})
	b.timeout = 300 * time.Millisecond
	ends := doTogether(t, b, gathered, "a", "b", "stuck", "z")
	for name, err := range ends {
		if (name == "stuck") != (sqlState(err) == stateLockTimeout) || name != "stuck" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if together < 3 || deadlocks != 1 {
		t.Errorf("%d went together, %d deadlocks", together, deadlocks)
	}
}

// What may have been done is not done again.
func TestCombinerDoesNotRepeatTheUnknown(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	calls := 0
	lost := errors.New("connection lost")
	b, gathered := gathering(func([]string) error {
		mu.Lock()
		defer mu.Unlock()
		calls++
		return lost
	})
	ends := doTogether(t, b, gathered, "a", "b")
	if ends["a"] != lost || ends["b"] != lost || calls > 2 {
		t.Errorf("%v after %d calls", ends, calls)
	}
}
