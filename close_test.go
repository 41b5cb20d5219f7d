package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// The end of each bubble fails when a goroutine of a client is left.

func TestCloseIdle(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		mustUnlock(t, mustLock(t, c, "x"))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(t.Context()); !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("closing again: %v", err)
		}
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Note("own")}, {pawl.Shared()}} {
			_, err := c.Lock(t.Context(), "x", opts...)
			wantErr(t, err, pawl.ErrClosed, "x")
			_, err = c.TryLock(t.Context(), "x", opts...)
			wantErr(t, err, pawl.ErrClosed, "x")
		}
		_, err := c.Inspect(t.Context(), "x")
		wantErr(t, err, pawl.ErrClosed, "x")
	})
}

func TestCloseWakesThoseWhoWait(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		waiting := append(queue(t, 2, b, "x"), queue(t, 1, b, "x", pawl.Note("own"))[0], queue(t, 1, b, "x", pawl.Shared())[0])
		start := time.Now()
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, p := range waiting {
			p.wait(t)
			wantErr(t, p.err, pawl.ErrClosed, "x")
			wantDuration(t, "told", p.at.Sub(start), 0)
		}
		if n := len(w.inspect("x").Waiters); n != 0 {
			t.Errorf("%d are still in line", n)
		}
		mustUnlock(t, lock)
	})
}

func TestCloseWaitsForTheHolders(t *testing.T) {
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}, "shared": {pawl.Shared()}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(nil)
				lock := mustLock(t, c, "x", opts...)
				ctx := lock.Context()
				local := lockAsync(t.Context(), c, "x")
				synctest.Wait()
				closed := make(chan error, 1)
				go func() { closed <- c.Close(context.Background()) }()
				synctest.Wait()
				ended(t, ctx, time.Now(), pawl.ErrClosed)
				local.wait(t)
				wantErr(t, local.err, pawl.ErrClosed, "x")
				_, err := c.Lock(context.WithoutCancel(ctx), "x", append(opts, pawl.Reentrant())...)
				wantErr(t, err, pawl.ErrClosed, "x")
				time.Sleep(ttl / 2) // the holder winds up
				select {
				case err := <-closed:
					t.Fatalf("Close has not waited: %v", err)
				default:
				}
				if len(w.inspect("x").Holders) != 1 || len(f.renewed()) != 0 {
					t.Error("Close has released or renewed")
				}
				mustUnlock(t, lock)
				if err := <-closed; err != nil {
					t.Error(err)
				}
				w.free("x")
				wantErr(t, lock.Unlock(), pawl.ErrNotHeld, "x")
			})
		})
	}
}

func TestCloseWhileHeldForEver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		start := time.Now()
		lock := mustLock(t, c, "x")
		again := mustLockCtx(t, lock.Context(), c, "x", pawl.Reentrant())
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		wantDuration(t, "closed", time.Since(start), trusted)
		wantErr(t, again.Unlock(), pawl.ErrLost, "x")
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		lock := mustLock(t, c, "x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		wantDuration(t, "closed", time.Since(start), time.Second)
		wantErr(t, lock.Unlock(), pawl.ErrClosed, "x")
		next := mustLock(t, w.client(nil), "x")
		wantDuration(t, "x was free", time.Since(start), ttl)
		mustUnlock(t, next)
	})
}

// A lock that is unlocked while Close gives up is not waited for for ever.
func TestCloseGivesUpDuringUnlock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "x")
		f.onRelease(func(ctx context.Context, _ driver.Request) error {
			<-ctx.Done()
			return ctx.Err()
		})
		unlocked := make(chan error)
		go func() { unlocked <- lock.Unlock() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		wantErr(t, <-unlocked, pawl.ErrClosed, "x")
	})
}

// What is granted when Close has begun is given back.
func TestCloseDuringARequest(t *testing.T) {
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(nil)
				f.onAcquire(slowly(f, 2*time.Second))
				start := time.Now()
				p := lockAsync(t.Context(), c, "x", opts...)
				synctest.Wait()
				if err := c.Close(context.Background()); err != nil {
					t.Error(err)
				}
				wantDuration(t, "closed", time.Since(start), 2*time.Second)
				p.wait(t)
				wantErr(t, p.err, pawl.ErrClosed, "x")
				w.free("x")
			})
		})
	}
}

// A request that hangs for ever ends with the driver, once Close gives up.
func TestCloseDuringAHungRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		driverClosed := make(chan struct{})
		f.onClose(func() error { close(driverClosed); return nil })
		f.onAcquire(func(context.Context, driver.Request) (driver.Lease, error) {
			<-driverClosed
			time.Sleep(time.Second)
			return driver.Lease{}, driver.ErrClosed
		})
		start := time.Now()
		p := lockAsync(t.Context(), c, "x")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		wantDuration(t, "closed", time.Since(start), 2*time.Second)
		p.wait(t)
		wantErr(t, p.err, pawl.ErrClosed, "x")
	})
}

func TestCloseDuringARenewal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		release := make(chan struct{})
		f.onRenew(hang(f, release))
		lock := mustLock(t, c, "x")
		time.Sleep(renewal + time.Second)
		start := time.Now()
		time.AfterFunc(time.Second, func() { mustUnlock(t, lock) })
		time.AfterFunc(2*time.Second, func() { close(release) })
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		wantDuration(t, "closed", time.Since(start), 2*time.Second)
		w.free("x")
	})
}

func TestCloseWithSessions(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		for _, held := range []bool{false, true} {
			c, f := w.faulty(nil)
			onSession(f, func() <-chan struct{} { return make(chan struct{}) })
			lock := mustLock(t, c, "x")
			if !held {
				mustUnlock(t, lock)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := c.Close(ctx); (err != nil) != held {
				t.Errorf("Close: %v", err)
			}
			cancel()
			if held {
				wantErr(t, lock.Unlock(), pawl.ErrClosed, "x")
			}
		}
	})
}

// A lost lock that is unlocked beside Close leaves no goroutine behind.
func TestUnlockOfALostLockBesideClose(t *testing.T) {
	t.Parallel()
	for range 20 {
		bubbleOnce(t, func(t *testing.T, w *world) {
			c, _ := w.faulty(nil)
			lock := mustLock(t, c, "x", pawl.NoRenew())
			ended(t, lock.Context(), time.Now(), pawl.ErrLost)
			go lock.Unlock()
			if err := c.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCloseReportsTheDriversError(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := newFaults(t, w.store.Driver())
		f.onClose(func() error { return errFault })
		c, err := pawl.New(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(t.Context()); !errors.Is(err, errFault) {
			t.Errorf("Close: %v", err)
		}
	})
}
