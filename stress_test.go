package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/memlock"
)

// guarded is a resource that a lock protects. Its fields are not synchronised: the
// race detector sees when two are in at once.
type guarded struct {
	writes int

	mu   sync.Mutex
	last uint64 // token of an exclusive holder
}

func (g *guarded) write(t *testing.T, token uint64) {
	g.writes++
	g.mu.Lock()
	defer g.mu.Unlock()
	if token <= g.last {
		t.Errorf("token %d after %d", token, g.last)
	}
	g.last = token
}

// stress is clients of one store whose goroutines lock a few names in every way.
type stress struct {
	store  *memlock.Store
	names  []string
	things map[string]*guarded
	faulty bool // replies are lost and calls are slow
}

// flaky loses some replies and delays some calls.
func (s *stress) flaky(t *testing.T) driver.Driver {
	f := newFaults(t, s.store.Driver())
	if !s.faulty {
		return f
	}
	f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		lease, err := f.fullDriver.Acquire(ctx, req)
		if err == nil && rand.N(20) == 0 {
			return driver.Lease{}, fmt.Errorf("reply lost: %w", driver.ErrUnavailable)
		}
		return lease, err
	})
	f.onRelease(func(ctx context.Context, req driver.Request) error {
		if rand.N(20) == 0 {
			return driver.ErrUnavailable
		}
		err := f.fullDriver.Release(ctx, req)
		if err == nil && rand.N(20) == 0 {
			return driver.ErrUnavailable
		}
		return err
	})
	return f
}

// options returns random ones. Names have one way of use each, as they must: slots
// or none.
func (s *stress) options() (opts []pawl.LockOption, shared bool) {
	if rand.N(3) == 0 {
		opts, shared = append(opts, pawl.Shared()), true
	}
	for _, opt := range []pawl.LockOption{
		pawl.Note("own"), pawl.MaxHold(time.Minute), pawl.TTL(10 * time.Second),
		pawl.Wait(time.Duration(rand.N(3000)) * time.Microsecond), pawl.Wait(0),
	} {
		if rand.N(6) == 0 {
			opts = append(opts, opt)
		}
	}
	return opts, shared
}

// turn locks a name once, and reports whether it was had.
func (s *stress) turn(t *testing.T, c *pawl.Client) bool {
	name := s.names[rand.N(len(s.names))]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rand.N(4) == 0 {
		defer time.AfterFunc(time.Duration(rand.N(2000))*time.Microsecond, cancel).Stop()
	}
	opts, shared := s.options()
	lock, err := c.Lock(ctx, name, opts...)
	if err != nil {
		if !errors.Is(err, pawl.ErrHeld) && !errors.Is(err, context.Canceled) && !errors.Is(err, pawl.ErrUnavailable) {
			t.Errorf("Lock: %v", err)
		}
		return false
	}
	if thing := s.things[name]; shared {
		_ = thing.writes // races with a writer
	} else {
		thing.write(t, lock.Token())
	}
	if rand.N(8) == 0 {
		time.Sleep(time.Duration(rand.N(200)) * time.Microsecond)
	}
	if rand.N(4) == 0 {
		lock.Context()
	}
	if err := lock.Unlock(); err != nil && !errors.Is(err, pawl.ErrUnavailable) {
		t.Errorf("Unlock: %v", err)
	}
	return true
}

// run lets goroutines take turns and checks that nothing is left of them.
func (s *stress) run(t *testing.T, turns int) {
	const clients, goroutines = 3, 12
	var wg sync.WaitGroup
	var all []*pawl.Client
	var mu sync.Mutex
	had := 0
	for range clients {
		c, err := pawl.New(s.flaky(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		for range goroutines {
			wg.Go(func() {
				for range turns {
					if s.turn(t, c) {
						mu.Lock()
						had++
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	if had < clients*goroutines*turns/4 {
		t.Errorf("only %d of %d turns had the lock", had, clients*goroutines*turns)
	}
	for _, c := range all {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if inUse := c.InUse(); inUse != "" {
			t.Errorf("left in the client: %s", inUse)
		}
	}
	states, err := s.store.Driver().(driver.Inspector).List(t.Context(), "")
	if err != nil || len(states) > 0 {
		t.Errorf("left in the store: %+v, %v", states, err)
	}
}

func newStress(faulty bool) *stress {
	s := &stress{store: memlock.NewStore(), names: []string{"a", "b", "c"}, things: make(map[string]*guarded), faulty: faulty}
	for _, name := range s.names {
		s.things[name] = &guarded{}
	}
	return s
}

// In real time, so that the goroutines run at once.
func TestStress(t *testing.T) {
	t.Parallel()
	newStress(false).run(t, 200)
}

func TestStressWithFaults(t *testing.T) {
	t.Parallel()
	newStress(true).run(t, 30)
}

// Locks are forced and broken, sessions end, and clients close while their goroutines
// are at it. Two may be in at once then, as Force says; but nothing hangs, tokens
// rise, and nothing is left.
func TestStressWithLosses(t *testing.T) {
	t.Parallel()
	for range 10 {
		bubbleOnce(t, func(t *testing.T, w *world) {
			var wg sync.WaitGroup
			for range 3 {
				c := w.client(nil)
				wg.Go(func() {
					for range 50 {
						time.Sleep(time.Duration(rand.N(20)) * time.Second)
						do := []func(context.Context, string) error{c.Force, c.Break}[rand.N(2)]
						if err := do(t.Context(), "x"); err != nil && !errors.Is(err, pawl.ErrNotHeld) && !errors.Is(err, pawl.ErrClosed) {
							t.Error(err)
						}
					}
				})
				for range 5 {
					wg.Go(func() { loseOften(t, c) })
				}
				wg.Go(func() {
					time.Sleep(time.Duration(rand.N(1000)) * time.Second)
					if err := c.Close(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// loseOften locks x for longer than it is left alone, until c is closed.
func loseOften(t *testing.T, c *pawl.Client) {
	var last [4]uint64
	for {
		// Tokens are compared with those of the same kind. A client that has not heard yet
		// that its lease was forced away hands it on, under its old tokens, while a request
		// of another kind may have got the next lease: those old tokens are what protects.
		kind := rand.N(len(last))
		opts := [][]pawl.LockOption{nil, {pawl.Shared()}, {pawl.NoRenew()}, {pawl.MaxHold(5 * time.Second)}}[kind]
		lock, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(time.Duration(rand.N(40))*time.Second))...)
		switch {
		case errors.Is(err, pawl.ErrClosed):
			return
		case errors.Is(err, pawl.ErrHeld):
			continue
		case err != nil:
			t.Error(err)
			return
		}
		if lock.Token() <= last[kind] {
			t.Errorf("token %d after %d", lock.Token(), last[kind])
		}
		last[kind] = lock.Token()
		ctx := lock.Context()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.N(20)) * time.Second):
		}
		err = lock.Unlock()
		if err != nil && !errors.Is(err, pawl.ErrLost) || ctx.Err() == nil {
			t.Errorf("Unlock: %v, context: %v", err, ctx.Err())
		}
	}
}
