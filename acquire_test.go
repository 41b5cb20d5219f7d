package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// An acquisition whose answer is lost leaves no holder: it is cleaned up by its
// holder id, on a context of its own, until that is confirmed.
func TestLostReplyIsCleanedUp(t *testing.T) {
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(nil)
				f.dropReplies()
				f.onRelease(func(context.Context, driver.Request) error { return errFault })
				ctx, cancel := context.WithCancel(t.Context())
				_, err := c.Lock(ctx, "x", opts...)
				wantErr(t, err, errFault, "x")
				cancel()
				if len(w.inspect("x").Holders) != 1 {
					t.Fatal("nothing was left to clean up")
				}
				time.Sleep(ttl / 3)
				f.onRelease(nil)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				w.free("x")
				if f.releases[0].Holder != f.acquires[0].Holder {
					t.Error("cleaned up another holder")
				}
				if _, _, releases := f.counts(); releases < 5 || releases > 20 {
					t.Errorf("%d releases, want a few", releases)
				}
			})
		})
	}
}

// So is one that was cancelled, and whose request arrives after its clean-up.
func TestDelayedRequestGainsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		arrived := make(chan error, 1)
		f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
			go func() {
				time.Sleep(5 * time.Second)
				_, err := f.fullDriver.Acquire(context.WithoutCancel(ctx), req)
				arrived <- err
			}()
			<-ctx.Done()
			return driver.Lease{}, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Lock(ctx, "x")
		wantErr(t, err, context.DeadlineExceeded, "x")
		if err := <-arrived; !errors.Is(err, driver.ErrLost) {
			t.Errorf("the delayed request: %v, want ErrLost", err)
		}
		w.free("x")
	})
}

func TestCleanUpGivesUpAfterTheTTL(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		logged := &logRecords{}
		c, f := w.faulty(&pawl.Options{Logger: logged.logger()})
		f.dropReplies()
		f.onRelease(func(context.Context, driver.Request) error { return errFault })
		_, err := c.Lock(t.Context(), "x")
		wantErr(t, err, errFault, "x")
		time.Sleep(ttl - tick)
		if len(logged.all()) != 0 || c.InUse() == "" {
			t.Error("gave up too early")
		}
		time.Sleep(2 * tick)
		synctest.Wait()
		if len(logged.all()) != 1 || c.InUse() != "" {
			t.Errorf("in use: %s; log: %v", c.InUse(), logged.all())
		}
	})
}

func TestDefiniteRefusalIsNotCleanedUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		for _, refusal := range []error{
			fmt.Errorf("no: %w", driver.ErrHeld), driver.ErrInvalidName, driver.ErrInvalidOption, driver.ErrUnsupported,
		} {
			f.onAcquire(func(context.Context, driver.Request) (driver.Lease, error) { return driver.Lease{}, refusal })
			for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("own")}} {
				_, err := c.TryLock(t.Context(), "x", opts...)
				wantErr(t, err, refusal, "x")
			}
		}
		synctest.Wait()
		if _, _, releases := f.counts(); releases != 0 {
			t.Errorf("%d releases of what was refused", releases)
		}
	})
}

func TestFreshHolderIDs(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		other := w.client(nil)
		c, f := w.faulty(nil)
		held := mustLock(t, other, "x")
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("own")}} {
			_, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(time.Second))...)
			wantErr(t, err, pawl.ErrHeld, "x")
		}
		synctest.Wait() // until they have left the line
		mustUnlock(t, held)
		for range 3 {
			mustUnlock(t, mustLock(t, c, "x"))
		}
		seen := make(map[string]bool)
		for _, req := range f.acquires {
			if seen[req.Holder] || len(req.Holder) < 20 {
				t.Errorf("holder id %q was used before or is short", req.Holder)
			}
			seen[req.Holder] = true
		}
		if len(seen) != 7 {
			t.Errorf("%d requests, want 7", len(seen))
		}
	})
}

// late lets the first n grants arrive when their trust is over.
func late(f *faults, n int) func(context.Context, driver.Request) (driver.Lease, error) {
	return func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		lease, err := f.fullDriver.Acquire(ctx, req)
		if n--; n >= 0 && err == nil {
			lease.Until = time.Now()
		}
		return lease, err
	}
}

func TestLateGrantIsGivenBackAndAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("own")}} {
			f.onAcquire(late(f, 2))
			lock := mustLock(t, c, "x", opts...)
			if len(w.inspect("x").Holders) != 1 || lock.Context().Err() != nil {
				t.Error("the third grant is not good")
			}
			mustUnlock(t, lock)
			f.onAcquire(late(f, 3))
			_, err := c.Lock(t.Context(), "x", opts...)
			wantErr(t, err, pawl.ErrUnavailable, "x")
			w.free("x")
		}
	})
}

// Nor does it leave anything when the giving back fails, or ctx ends meanwhile.
func TestLateGrantIsCleanedUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(late(f, 1))
		f.onRelease(func(ctx context.Context, _ driver.Request) error {
			<-ctx.Done()
			f.onRelease(nil)
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Lock(ctx, "x")
		wantErr(t, err, context.DeadlineExceeded, "x")
		wantDuration(t, "Lock ended", time.Since(start), time.Second)
		synctest.Wait()
		w.free("x")
	})
}
