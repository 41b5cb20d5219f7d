package pawl_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

var errWork = errors.New("the work failed")

func TestDo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		for _, want := range []error{nil, errWork} {
			err := c.Do(t.Context(), "x", func(ctx context.Context, lock *pawl.Lock) error {
				if ctx != lock.Context() || len(w.inspect("x").Holders) != 1 {
					t.Error("does not run under the lock")
				}
				return want
			})
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			w.free("x")
		}
		held := mustLock(t, c, "x")
		err := c.Do(t.Context(), "x", nil, pawl.Wait(0))
		wantErr(t, err, pawl.ErrHeld, "x")
		mustUnlock(t, held)
	})
}

func TestDoTellsOfALoss(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		for _, want := range []error{nil, errWork} {
			err := c.Do(t.Context(), "x", func(ctx context.Context, _ *pawl.Lock) error {
				<-ctx.Done()
				return want
			}, pawl.NoRenew())
			if !errors.Is(err, pawl.ErrLost) || want != nil && !errors.Is(err, want) {
				t.Errorf("got %v, want ErrLost and %v", err, want)
			}
		}
		err := c.Do(t.Context(), "x", func(_ context.Context, lock *pawl.Lock) error { return lock.Unlock() })
		if err != nil {
			t.Errorf("unlocked by its function: %v", err)
		}
	})
}

func TestDoUnlocksOnPanic(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		defer func() {
			if got := recover(); got != errWork {
				t.Errorf("recovered %v", got)
			}
			w.free("x")
		}()
		_ = c.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { panic(errWork) })
	})
}

func TestElectReturnsWhatTheLeaderReturns(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		lost := mustLock(t, c, "y", pawl.NoRenew())
		time.Sleep(ttl)
		for _, want := range []error{nil, errWork, lost.Unlock()} { // the loss of another lock too
			terms := 0
			err := c.Elect(t.Context(), "x", func(context.Context, *pawl.Lock) error {
				terms++
				return want
			})
			if !errors.Is(err, want) || terms != 1 {
				t.Errorf("got %v after %d terms, want %v after one", err, terms, want)
			}
			w.free("x")
		}
	})
}

func TestElectLeadsAgainAfterALoss(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		var tokens []uint64
		err := c.Elect(t.Context(), "x", func(ctx context.Context, lock *pawl.Lock) error {
			tokens = append(tokens, lock.Token())
			if len(tokens) == 3 {
				return errWork
			}
			f.failRenewals(driver.ErrLost)
			<-ctx.Done()
			f.onRenew(nil)
			return ctx.Err()
		})
		if !errors.Is(err, errWork) || len(tokens) != 3 || tokens[0] >= tokens[1] || tokens[1] >= tokens[2] {
			t.Errorf("got %v after the tokens %v", err, tokens)
		}
	})
}

func TestElectGoesOnWhileUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(func(context.Context, driver.Request) (driver.Lease, error) {
			return driver.Lease{}, driver.ErrUnavailable
		})
		start := time.Now()
		time.AfterFunc(time.Minute, func() { f.onAcquire(nil) })
		err := c.Elect(t.Context(), "x", func(context.Context, *pawl.Lock) error { return errWork })
		if !errors.Is(err, errWork) {
			t.Error(err)
		}
		if took := time.Since(start) - time.Minute; took < 0 || took > ttl/2 {
			t.Errorf("leads %v after the backend came back", took)
		}
		if acquires, _, _ := f.counts(); acquires < 10 || acquires > 40 {
			t.Errorf("%d tries in a minute", acquires)
		}
	})
}

func TestElectEnds(t *testing.T) {
	lead := func(context.Context, *pawl.Lock) error { return nil }
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		held := mustLock(t, c, "x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wantErr(t, c.Elect(ctx, "x", lead), context.DeadlineExceeded, "x")                    // while it waits
		wantErr(t, c.Elect(t.Context(), "x", lead, pawl.Wait(0)), pawl.ErrHeld, "x")          // because of an option
		wantErr(t, c.Elect(t.Context(), "x", lead, pawl.TTL(-1)), pawl.ErrInvalidOption, "x") // or a wrong one
		wantErr(t, c.Elect(t.Context(), "", lead), pawl.ErrInvalidName, "")
		mustUnlock(t, held)

		f.onAcquire(func(context.Context, driver.Request) (driver.Lease, error) {
			return driver.Lease{}, driver.ErrUnavailable
		})
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wantErr(t, c.Elect(ctx, "x", lead), context.DeadlineExceeded, "x") // between two tries
		f.onAcquire(nil)

		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := c.Elect(ctx, "x", func(ctx context.Context, _ *pawl.Lock) error { <-ctx.Done(); return ctx.Err() })
		if !errors.Is(err, context.DeadlineExceeded) { // while it leads
			t.Error(err)
		}
		w.free("x")
	})
}
