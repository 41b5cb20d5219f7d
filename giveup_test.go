package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// The goroutine whose request has put its client into the backend's line gives up;
// the others of that client keep the place.
func TestGivingUpCostsNobodyTheirPlace(t *testing.T) {
	for _, by := range []string{"Wait", "context"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b, late := w.client(nil), w.client(nil), w.client(nil)
				lock := mustLock(t, a, "x")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var opts []pawl.LockOption
				want := context.DeadlineExceeded
				if by == "Wait" {
					ctx, opts, want = t.Context(), []pawl.LockOption{pawl.Wait(time.Second)}, pawl.ErrHeld
				}
				first := lockAsync(ctx, b, "x", opts...)
				synctest.Wait()
				others := queue(t, 2, b, "x")
				behind := queue(t, 1, late, "x")[0]
				before := w.inspect("x").Waiters

				first.wait(t)
				wantErr(t, first.err, want, "x")
				wantDuration(t, "gave up", time.Since(before[0].Since), time.Second)
				if after := w.inspect("x").Waiters; len(after) != 2 || after[0] != before[0] {
					t.Errorf("the line was %+v and is %+v", before, after)
				}
				mustUnlock(t, lock)
				for _, p := range others {
					if !p.isDone() || behind.isDone() {
						t.Fatal("lost their place")
					}
					mustUnlock(t, p.got(t))
				}
				mustUnlock(t, behind.got(t))
			})
		})
	}
}

// Waits that are shorter than the line do not starve those who wait for longer.
func TestShortWaitsDoNotStarveTheLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				_, _ = b.Lock(ctx, "x", pawl.Wait(time.Second))
			}
		}()
		synctest.Wait()
		patient := queue(t, 1, b, "x")[0]
		others := []*pending{queue(t, 1, a, "x")[0], queue(t, 1, a, "x")[0]}
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		mustUnlock(t, lock)
		if !patient.isDone() {
			t.Error("starved")
		}
		for _, p := range []*pending{patient, others[0], others[1]} {
			mustUnlock(t, p.got(t))
		}
	})
}

func TestLastToGiveUpLeavesTheLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		for range 2 {
			lockAsync(t.Context(), b, "x", pawl.Wait(time.Second))
		}
		synctest.Wait()
		if len(w.inspect("x").Waiters) != 1 {
			t.Fatal("does not wait")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(w.inspect("x").Waiters); n != 0 || b.InUse() != "" {
			t.Errorf("%d waiters, %s are left behind", n, b.InUse())
		}
		mustUnlock(t, lock)
	})
}

// deaf does not notice the end of the context of a request that waits.
func deaf(f *faults) func(context.Context, driver.Request) (driver.Lease, error) {
	return func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		if !req.NoWait {
			ctx = context.WithoutCancel(ctx)
		}
		return f.fullDriver.Acquire(ctx, req)
	}
}

func TestGrantThatComesTooLateIsReleased(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a := w.client(nil)
		b, f := w.faulty(nil)
		f.onAcquire(deaf(f))
		lock := mustLock(t, a, "x")
		_, err := b.Lock(t.Context(), "x", pawl.Wait(time.Second))
		wantErr(t, err, pawl.ErrHeld, "x")
		if len(w.inspect("x").Waiters) != 1 {
			t.Fatal("the driver is not deaf")
		}
		// A newcomer does not get what nobody waited for any more.
		next := queue(t, 1, b, "x")[0]
		mustUnlock(t, lock)
		got := next.got(t)
		if len(w.inspect("x").Holders) != 1 {
			t.Error("two leases")
		}
		mustUnlock(t, got)
		synctest.Wait()
		w.free("x")
	})
}

// One who gives up in the moment in which it is granted gives the lock back.
func TestGivingUpWhileGranted(t *testing.T) {
	t.Parallel()
	for range 20 { // which of the two it sees first is up to the scheduler
		bubbleOnce(t, func(t *testing.T, w *world) {
			a, b := w.client(nil), w.client(nil)
			lock := mustLock(t, a, "x")
			ctx, cancel := context.WithCancel(t.Context())
			p := lockAsync(ctx, b, "x")
			next := queue(t, 1, b, "x")[0]
			synctest.Wait()
			go cancel()
			mustUnlock(t, lock)
			p.wait(t)
			switch {
			case p.err == nil:
				mustUnlock(t, p.lock)
			case !errors.Is(p.err, context.Canceled):
				t.Error(p.err)
			}
			mustUnlock(t, next.got(t))
			synctest.Wait()
			w.free("x")
		})
	}
}

// hookedContext calls hook when it is asked why it has ended: after it has woken one
// who waits, and before that one has left the line.
type hookedContext struct {
	context.Context
	once sync.Once
	hook func()
}

func (c *hookedContext) Err() error {
	err := c.Context.Err()
	if err != nil {
		c.once.Do(c.hook)
	}
	return err
}

func TestGrantedBetweenTheEndOfTheContextAndLeaving(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		logged := &logRecords{}
		c, f := w.faulty(&pawl.Options{Logger: logged.logger()})
		f.onRelease(func(context.Context, driver.Request) error { return errFault })
		lock := mustLock(t, c, "x")
		inner, cancel := context.WithCancel(t.Context())
		waiting := lockAsync(&hookedContext{Context: inner, hook: func() { mustUnlock(t, lock) }}, c, "x")
		synctest.Wait()
		cancel()
		waiting.wait(t)
		wantErr(t, waiting.err, context.Canceled, "x")
		time.Sleep(ttl / 2)
		f.onRelease(nil)
		time.Sleep(2 * time.Second)
		w.free("x")
		if lines := logged.all(); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestErrorInLineReachesAll(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a := w.client(nil)
		b, f := w.faulty(nil)
		lock := mustLock(t, a, "x")
		fail := make(chan error)
		f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
			if req.NoWait {
				return f.fullDriver.Acquire(ctx, req)
			}
			return driver.Lease{}, <-fail
		})
		for _, injected := range []error{errFault, &driver.HeldError{}} {
			waiting := queue(t, 3, b, "x")
			fail <- injected
			for _, p := range waiting {
				p.wait(t)
				want := injected
				if injected != errFault {
					want = pawl.ErrUnavailable // to answer "held" is not to wait
				}
				wantErr(t, p.err, want, "x")
			}
			synctest.Wait()
			if inUse := b.InUse(); inUse != "" {
				t.Errorf("left behind: %s", inUse)
			}
		}
		f.onAcquire(nil)
		next := queue(t, 1, b, "x")[0]
		mustUnlock(t, lock)
		mustUnlock(t, next.got(t))
	})
}
