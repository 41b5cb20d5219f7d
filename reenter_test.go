package pawl_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

func TestAskingAgainIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Shared()}, {pawl.Slots(2)}, {pawl.MaxHold(time.Hour)}} {
			lock := mustLock(t, c, "x", opts...)
			ctx, cancel := context.WithTimeout(lock.Context(), time.Hour)
			for _, again := range [][]pawl.LockOption{nil, {pawl.Shared()}, opts, {pawl.Wait(0)}} {
				_, err := c.Lock(ctx, "x", again...)
				wantErr(t, err, pawl.ErrDeadlock, "x")
			}
			_, err := c.TryLock(ctx, "x")
			wantErr(t, err, pawl.ErrDeadlock, "x")
			cancel()
			mustUnlock(t, lock)
		}
	})
}

// Locks that were taken before the latest one are held by ctx as well.
func TestAskingAgainThroughAnotherLock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		x := mustLock(t, c, "x")
		y := mustLockCtx(t, x.Context(), c, "y")
		_, err := c.Lock(y.Context(), "x")
		wantErr(t, err, pawl.ErrDeadlock, "x")
		again := mustLockCtx(t, y.Context(), c, "x", pawl.Reentrant())
		_, err = c.Lock(again.Context(), "x")
		wantErr(t, err, pawl.ErrDeadlock, "x")
		mustUnlock(t, x, y, again)

		// What was unlocked is not held any more, though the context still tells of it.
		x = mustLockCtx(t, context.WithoutCancel(y.Context()), c, "x")
		mustUnlock(t, x)
	})
}

func TestReentrant(t *testing.T) {
	orders := map[string][]int{"inner first": {2, 1, 0}, "outer first": {0, 1, 2}, "mixed": {1, 0, 2}}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(nil)
				locks := []*pawl.Lock{mustLock(t, c, "x", pawl.Reentrant())}
				ctx := locks[0].Context()
				for range 2 {
					locks = append(locks, mustLockCtx(t, ctx, c, "x", pawl.Reentrant()))
					ctx = locks[len(locks)-1].Context()
				}
				for _, lock := range locks {
					if lock.Token() != locks[0].Token() || !lock.Until().Equal(locks[0].Until()) {
						t.Errorf("a re-entry has a lease of its own")
					}
				}
				if acquires, _, _ := f.counts(); acquires != 1 {
					t.Errorf("%d requests, want 1", acquires)
				}
				for i, n := range order {
					if ctx.Err() != nil || len(w.inspect("x").Holders) != 1 {
						t.Errorf("released after %d of 3 unlocks", i)
					}
					mustUnlock(t, locks[n])
					wantErr(t, locks[n].Unlock(), pawl.ErrNotHeld, "x")
				}
				if ctx.Err() == nil {
					t.Error("the context goes on")
				}
				w.free("x")
			})
		})
	}
}

func TestReentrantNeedsTheLockItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, other := w.client(nil), w.client(nil)
		x := mustLock(t, c, "x")
		_, err := c.Lock(t.Context(), "x", pawl.Reentrant(), pawl.Wait(time.Second)) // not from its context
		wantErr(t, err, pawl.ErrHeld, "x")
		_, err = other.Lock(x.Context(), "x", pawl.Reentrant(), pawl.Wait(time.Second)) // of another client
		wantErr(t, err, pawl.ErrHeld, "x")
		y := mustLockCtx(t, x.Context(), c, "y", pawl.Reentrant()) // of another name
		if len(w.inspect("y").Holders) != 1 {
			t.Error("y is not held")
		}
		mustUnlock(t, y, x)
	})
}

func TestReentrantIsNoUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		reader := mustLock(t, c, "x", pawl.Shared())
		_, err := c.Lock(reader.Context(), "x", pawl.Reentrant())
		wantErr(t, err, pawl.ErrDeadlock, "x")
		again := mustLockCtx(t, reader.Context(), c, "x", pawl.Reentrant(), pawl.Shared())
		mustUnlock(t, reader, again)

		writer := mustLock(t, c, "x")
		less := mustLockCtx(t, writer.Context(), c, "x", pawl.Reentrant(), pawl.Shared())
		_, err = c.Lock(writer.Context(), "x", pawl.Reentrant(), pawl.Slots(2))
		wantErr(t, err, pawl.ErrDeadlock, "x")
		mustUnlock(t, writer, less)

		slot := mustLock(t, c, "x", pawl.Slots(2))
		_, err = c.Lock(slot.Context(), "x", pawl.Reentrant())
		wantErr(t, err, pawl.ErrDeadlock, "x")
		mustUnlock(t, slot)
	})
}

// A lock that was lost is not held: asking again stands in line for a new one.
func TestReentrantAfterLoss(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		x := mustLock(t, c, "x", pawl.NoRenew())
		again := mustLockCtx(t, x.Context(), c, "x", pawl.Reentrant())
		ended(t, x.Context(), time.Now(), pawl.ErrLost)
		_, err := c.Lock(x.Context(), "x", pawl.Reentrant())
		wantErr(t, err, pawl.ErrLost, "x")
		next := mustLockCtx(t, context.WithoutCancel(x.Context()), c, "x", pawl.Reentrant())
		if next.Token() <= x.Token() {
			t.Error("re-entered a lock that was lost")
		}
		wantErr(t, again.Unlock(), pawl.ErrLost, "x")
		wantErr(t, x.Unlock(), pawl.ErrLost, "x")
		wantErr(t, x.Unlock(), pawl.ErrNotHeld, "x")
		mustUnlock(t, next)
	})
}

// Goroutines that share the context of a lock do not slip in together.
func TestReentrantFromManyGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		x := mustLock(t, c, "x")
		errs := make(chan error)
		for range 10 {
			go func() {
				_, err := c.Lock(x.Context(), "x")
				errs <- err
			}()
		}
		for range 10 {
			if err := <-errs; !errors.Is(err, pawl.ErrDeadlock) {
				t.Errorf("got %v, want ErrDeadlock", err)
			}
		}
		mustUnlock(t, x)
	})
}
