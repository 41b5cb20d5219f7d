package pawl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// A TryLock asks beside the lineup. These are the ways in which the two can meet.

// tryAsync is lockAsync for TryLock.
func tryAsync(t *testing.T, c *pawl.Client, name string, opts ...pawl.LockOption) *pending {
	return lockAsync(t.Context(), c, name, append(opts, pawl.Wait(0))...)
}

// TryLock does not pass those who wait in the local line, also where the backend
// does not know of them yet.
func TestTryLockDoesNotPassTheLocalLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(&pawl.Options{HandoffFor: -1})
		lock := mustLock(t, c, "x")
		next := queue(t, 1, c, "x")[0]
		f.onRelease(func(ctx context.Context, req driver.Request) error {
			err := f.fullDriver.Release(ctx, req)
			time.Sleep(time.Second) // x is free, and the one in line is not told yet
			return err
		})
		go lock.Unlock()
		synctest.Wait()
		_, err := c.TryLock(t.Context(), "x")
		wantErr(t, err, pawl.ErrHeld, "x")
		mustUnlock(t, next.got(t))
	})
}

// A TryLock that hangs does not keep others from standing in line.
func TestTryLockDoesNotHoldUpTheLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a := w.client(nil)
		b, f := w.faulty(nil)
		lock := mustLock(t, a, "x")
		f.onAcquire(slowly(f, time.Hour))
		try := tryAsync(t, b, "x")
		synctest.Wait()
		f.onAcquire(nil)
		waiting := queue(t, 1, b, "x")[0]
		if len(w.inspect("x").Waiters) != 1 {
			t.Error("does not stand in line")
		}
		mustUnlock(t, lock)
		mustUnlock(t, waiting.got(t))
		<-try.done
	})
}

// A reader whose refusal arrives when a TryLock has got the shared lease meanwhile
// shares it, however long that one reads.
func TestReaderSharesWhatTryLockGot(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		other := w.client(nil)
		c, f := w.faulty(nil)
		writer := mustLock(t, other, "x")
		f.onAcquire(slowly(f, time.Second))
		refused := lockAsync(t.Context(), c, "x", pawl.Shared())
		synctest.Wait()
		mustUnlock(t, writer)
		f.onAcquire(nil)
		reader, err := c.TryLock(t.Context(), "x", pawl.Shared())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !refused.isDone() {
			t.Error("waits for another reader")
		}
		mustUnlock(t, reader, refused.got(t))
	})
}

// When a TryLock gets a lease that serves all who wait, their place in the backend's
// line is given up.
func TestTryLockServesTheLine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		other := w.client(nil)
		c, f := w.faulty(nil)
		writer := mustLock(t, other, "x")
		left := make(chan struct{})
		f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
			switch {
			case req.NoWait && len(w.inspect("x").Holders) == 0:
				return f.fullDriver.Acquire(ctx, req)
			case req.NoWait: // sent now, and arrives when x is free
				time.Sleep(2 * time.Second)
				return f.fullDriver.Acquire(ctx, req)
			}
			<-ctx.Done()
			close(left)
			return driver.Lease{}, ctx.Err()
		})
		try := tryAsync(t, c, "x", pawl.Shared())
		synctest.Wait()
		slow := f.acquire
		f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
			if req.NoWait {
				return f.fullDriver.Acquire(ctx, req)
			}
			return slow(ctx, req)
		})
		readers := queue(t, 3, c, "x", pawl.Shared())
		time.Sleep(time.Second)
		mustUnlock(t, writer)
		mustUnlock(t, try.got(t))
		<-left
		for _, reader := range readers {
			if !reader.isDone() || !sameLease(reader.lock, try.lock) {
				t.Fatal("not served")
			}
			mustUnlock(t, reader.lock)
		}
		synctest.Wait()
		w.free("x")
	})
}

// A lineup outlives those who wait in it while a TryLock is under way, so that its
// lease can be handed on to those who come later.
func TestTryLockKeepsTheLineup(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(slowly(f, 2*time.Second))
		try := tryAsync(t, c, "x")
		synctest.Wait()
		f.onAcquire(nil)
		_, err := c.Lock(t.Context(), "x", pawl.Wait(time.Second))
		wantErr(t, err, pawl.ErrHeld, "x")
		lock := try.got(t)
		next := queue(t, 1, c, "x")[0]
		mustUnlock(t, lock)
		if !sameLease(lock, next.got(t)) {
			t.Error("not handed on")
		}
		mustUnlock(t, next.lock)
	})
}
