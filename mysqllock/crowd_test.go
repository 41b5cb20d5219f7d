package mysqllock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// Many clients that want one name at the same moment all get it: those whose change was
// overtaken by somebody else's do not go on losing.
func TestCrowd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		const clients, times = 24, 5
		held := 0 // guarded by the lock
		var all sync.WaitGroup
		start := time.Now()
		for range clients {
			c := newClient(t, url+"?timeout=20s", nil)
			all.Go(func() {
				for range times {
					if err := c.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { held++; return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		t.Logf("%d locks by %d clients in %v", clients*times, clients, time.Since(start))
		if held != clients*times {
			t.Errorf("held %d times, want %d", held, clients*times)
		}
	})
}

// The bells of many clients that wait at the same time do not keep each other from being
// heard: a ring takes no longer than one of a few. (MariaDB's SLEEP does: a KILL that meets
// another sleeper on its mutex takes two seconds.)
func TestManyBells(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		const pairs, times = 12, 10
		var all sync.WaitGroup
		var mu sync.Mutex
		var slowest time.Duration
		for i := range pairs {
			a, b := newClient(t, url+"?timeout=20s", nil), newClient(t, url+"?timeout=20s", nil)
			all.Go(func() {
				took, err := pingPong(t.Context(), fmt.Sprint("x", i), times, a, b)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, took)
			})
		}
		all.Wait()
		t.Logf("%d handoffs in each of %d pairs: %v at most", 2*times, pairs, slowest)
		if most := 2 * times * 200 * time.Millisecond; slowest > most {
			t.Errorf("%d handoffs take %v, want at most %v", 2*times, slowest, most)
		}
	})
}

// pingPong has two clients take name in turn, and returns how long that takes.
func pingPong(ctx context.Context, name string, times int, clients ...*pawl.Client) (time.Duration, error) {
	errs := make(chan error, len(clients))
	start := time.Now()
	for _, c := range clients {
		go func() {
			var err error
			for i := 0; i < times && err == nil; i++ {
				err = c.Do(ctx, name, func(context.Context, *pawl.Lock) error { return nil })
			}
			errs <- err
		}()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-errs)
	}
	return time.Since(start), err
}
