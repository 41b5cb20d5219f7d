package pawl_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

func TestLockExcludes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		if lock.Name() != "x" {
			t.Errorf("Name() = %q", lock.Name())
		}
		other := lockAsync(t.Context(), b, "x")
		if other.isDone() {
			t.Fatal("two hold x")
		}
		time.Sleep(time.Hour) // renewals hold it for as long as it takes
		if other.isDone() {
			t.Fatal("two hold x after an hour")
		}
		mustUnlock(t, lock)
		next := other.got(t)
		if next.Token() <= lock.Token() {
			t.Errorf("token %d after %d", next.Token(), lock.Token())
		}
		mustUnlock(t, next)
		w.free("x")
	})
}

func TestTryLockSaysWhoHolds(t *testing.T) {
	for _, same := range []bool{true, false} {
		t.Run(map[bool]string{true: "same client", false: "other client"}[same], func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a := w.client(&pawl.Options{Owner: "alice"})
				b := w.client(&pawl.Options{Owner: "bob"})
				if same {
					b = a
				}
				start := time.Now()
				lock := mustLock(t, a, "x")
				time.Sleep(time.Second)
				_, err := b.TryLock(t.Context(), "x")
				wantErr(t, err, pawl.ErrHeld, "x")
				var held *pawl.HeldError
				if !errors.As(err, &held) {
					t.Fatalf("%T is no *HeldError", err)
				}
				want := pawl.HeldError{Name: "x", Owner: "alice", Since: start, Until: held.Until}
				if diff := cmp.Diff(want, *held); diff != "" {
					t.Error(diff)
				}
				if left := held.Until.Sub(start); left < trusted || left > ttl {
					t.Errorf("held until %v after the grant", left)
				}
				if time.Since(start) != time.Second {
					t.Error("TryLock has waited")
				}
				mustUnlock(t, lock)
				lock, err = b.TryLock(t.Context(), "x")
				if err != nil {
					t.Fatal(err)
				}
				mustUnlock(t, lock)
			})
		})
	}
}

func TestWaitBoundsOnlyTheWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(&pawl.Options{Owner: "alice"}), w.client(nil)
		lock := mustLock(t, a, "x")
		start := time.Now()
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("apart")}} {
			_, err := b.Lock(t.Context(), "x", append(opts, pawl.Wait(3*time.Second))...)
			wantErr(t, err, pawl.ErrHeld, "x")
			var held *pawl.HeldError
			if !errors.As(err, &held) || held.Owner != "alice" || !held.Since.Equal(start) {
				t.Errorf("got %#v, want who holds it", err)
			}
			_, err = b.Lock(t.Context(), "x", append(opts, pawl.Wait(0))...)
			wantErr(t, err, pawl.ErrHeld, "x")
		}
		wantDuration(t, "two waits ended", time.Since(start), 6*time.Second)
		mustUnlock(t, lock)

		lock = mustLock(t, b, "x", pawl.Wait(time.Second))
		time.Sleep(time.Minute)
		if err := lock.Context().Err(); err != nil {
			t.Errorf("the end of Wait ended the holding: %v", err)
		}
		mustUnlock(t, lock)
	})
}

// The time that the first answer took is part of the wait.
func TestWaitRunsFromTheCall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		other := w.client(nil)
		c, f := w.faulty(nil)
		lock := mustLock(t, other, "x")
		f.onAcquire(slowly(f, time.Second))
		start := time.Now()
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("apart")}} {
			_, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(3*time.Second))...)
			wantErr(t, err, pawl.ErrHeld, "x")
		}
		wantDuration(t, "two waits ended", time.Since(start), 6*time.Second)
		mustUnlock(t, lock)
	})
}

// A backend that does not answer is not waited for much longer than Wait allows, and
// is not reported as a lock that is held.
func TestWaitBoundsTheFirstAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(func(ctx context.Context, _ driver.Request) (driver.Lease, error) {
			<-ctx.Done()
			return driver.Lease{}, ctx.Err()
		})
		start := time.Now()
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("apart")}} {
			_, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(3*time.Second))...)
			wantErr(t, err, pawl.ErrUnavailable, "x")
		}
		wantDuration(t, "two waits ended", time.Since(start), 6*time.Second)
		if acquires, _, _ := f.counts(); acquires != 2 {
			t.Errorf("%d requests, want 2: nobody stands in the line of a backend that hangs", acquires)
		}
	})
}

// However short the wait, a free lock is had: that takes a round trip.
func TestShortWaitGetsAFreeLock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(slowly(f, 200*time.Millisecond))
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("apart")}} {
			lock, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(time.Millisecond))...)
			if err != nil {
				t.Fatal(err)
			}
			mustUnlock(t, lock)
		}
	})
}

func TestContextWhileWaiting(t *testing.T) {
	cause := errors.New("user went away")
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.client(nil), w.client(nil)
				lock := mustLock(t, a, "x")
				ctx, cancel := context.WithCancelCause(t.Context())
				waiting := lockAsync(ctx, b, "x", opts...)
				if waiting.isDone() || len(w.inspect("x").Waiters) != 1 {
					t.Fatal("does not wait")
				}
				cancel(cause)
				waiting.wait(t)
				wantErr(t, waiting.err, context.Canceled, "x")
				wantErr(t, waiting.err, cause, "x")
				if waiting.isDone() && len(w.inspect("x").Waiters) != 0 {
					t.Error("still in line")
				}
				_, err := b.Lock(ctx, "y")
				wantErr(t, err, context.Canceled, "y")
				mustUnlock(t, lock)
				w.free("x")
			})
		})
	}
}

func TestContextThatHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		reader := mustLock(t, c, "x", pawl.Shared())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, opts := range [][]pawl.LockOption{{pawl.Shared()}, nil, {pawl.Note("own")}} {
			_, err := c.Lock(ctx, "x", opts...)
			wantErr(t, err, context.Canceled, "x")
			_, err = c.TryLock(ctx, "x", opts...)
			wantErr(t, err, context.Canceled, "x")
		}
		if acquires, _, _ := f.counts(); acquires != 1 {
			t.Errorf("%d requests for a context that has ended", acquires-1)
		}
		mustUnlock(t, reader)
	})
}

func TestContextWhileHolding(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		ctx, cancel := context.WithCancel(t.Context())
		lock := mustLockCtx(t, ctx, a, "x")
		inner := lock.Context()
		cancel()
		if !errors.Is(inner.Err(), context.Canceled) {
			t.Errorf("lock.Context() goes on after ctx: %v", inner.Err())
		}
		if _, err := b.TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrHeld) {
			t.Errorf("the end of ctx released x: %v", err)
		}
		mustUnlock(t, lock) // also after ctx has ended
		w.free("x")
	})
}

func TestUnlockTwice(t *testing.T) {
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.client(nil)
				first := mustLock(t, c, "x", opts...)
				mustUnlock(t, first)
				wantErr(t, first.Unlock(), pawl.ErrNotHeld, "x")
				second := mustLock(t, c, "x", opts...)
				wantErr(t, first.Unlock(), pawl.ErrNotHeld, "x")
				if len(w.inspect("x").Holders) != 1 {
					t.Error("the second Unlock of one lock has freed the next")
				}
				mustUnlock(t, second)
			})
		})
	}
}

func TestContextAfterUnlock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		before, after := mustLock(t, c, "x"), mustLock(t, c, "y")
		ctx := before.Context()
		mustUnlock(t, before, after)
		for _, ctx := range []context.Context{ctx, before.Context(), after.Context()} {
			if !errors.Is(context.Cause(ctx), pawl.ErrNotHeld) {
				t.Errorf("cause %v, want ErrNotHeld", context.Cause(ctx))
			}
		}
	})
}

// An Unlock that the backend does not confirm takes at most the TTL, and says so.
func TestUnlockUnconfirmed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "x")
		next := lockAsync(t.Context(), c, "x", pawl.TTL(ttl/3))
		f.onRelease(func(context.Context, driver.Request) error { return errFault })
		time.Sleep(time.Second)
		start := time.Now()
		err := lock.Unlock()
		wantErr(t, err, pawl.ErrUnavailable, "x")
		wantErr(t, err, errFault, "x")
		wantDuration(t, "Unlock returned", time.Since(start), ttl)
		if _, _, releases := f.counts(); releases < 5 {
			t.Errorf("%d tries to release", releases)
		}
		f.onRelease(nil)
		next.got(t)
		wantDuration(t, "the next got it", next.at.Sub(start), ttl-time.Second)
		mustUnlock(t, next.lock)
	})
}

func TestTokens(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		var last uint64
		for range 1000 {
			lock := mustLock(t, c, "x")
			if lock.Token() <= last || lock.Token() >= 1<<63 {
				t.Fatalf("token %d after %d", lock.Token(), last)
			}
			last = lock.Token()
			mustUnlock(t, lock)
		}
		if slot := mustLock(t, c, "gpu", pawl.Slots(2)); slot.Token() != 0 {
			t.Errorf("a slot has token %d", slot.Token())
		} else {
			mustUnlock(t, slot)
		}
	})
}

func TestTokenOutOfRange(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		for _, token := range []uint64{0, 1 << 55} {
			f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
				lease, err := f.fullDriver.Acquire(ctx, req)
				lease.Token = token
				return lease, err
			})
			_, err := c.Lock(t.Context(), "x")
			wantErr(t, err, pawl.ErrUnavailable, "x")
			w.free("x")
		}
		f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
			lease, err := f.fullDriver.Acquire(ctx, req)
			lease.Token = 1<<55 - 1
			return lease, err
		})
		lock := mustLock(t, c, "x")
		if lock.Token() != (1<<55-1)<<8 {
			t.Errorf("token %d", lock.Token())
		}
		mustUnlock(t, lock)
	})
}
