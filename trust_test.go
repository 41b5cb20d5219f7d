package pawl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

func TestNoRenew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		start := time.Now()
		lock := mustLock(t, c, "x", pawl.NoRenew(), pawl.TTL(time.Minute))
		wantDuration(t, "the context ended", ended(t, lock.Context(), start, pawl.ErrLost), time.Minute-600*time.Millisecond-2*time.Millisecond)
		if n := len(f.renewed()); n != 0 {
			t.Errorf("%d renewals", n)
		}
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
	})
}

// MaxHold ends the context and the renewals. It does not release: an Unlock after it
// is in time until the lease has run out.
func TestMaxHold(t *testing.T) {
	for _, unlock := range []bool{true, false} {
		t.Run(map[bool]string{true: "unlocked", false: "run out"}[unlock], func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.client(nil), w.client(nil)
				start := time.Now()
				lock := mustLock(t, a, "x", pawl.MaxHold(time.Minute))
				next := queue(t, 1, b, "x")[0]
				wantDuration(t, "the context ended", ended(t, lock.Context(), start, pawl.ErrLost), time.Minute)
				if next.isDone() {
					t.Fatal("MaxHold has released")
				}
				if unlock {
					mustUnlock(t, lock)
					next.got(t)
					wantDuration(t, "the next got it", next.at.Sub(start), time.Minute)
				} else {
					next.got(t)
					if after := next.at.Sub(start) - time.Minute; after <= 0 || after > ttl {
						t.Errorf("the next got it %v after the end", after)
					}
					wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
				}
				mustUnlock(t, next.lock)
			})
		})
	}
}

func TestMaxHoldBeforeARenewal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		start := time.Now()
		lock := mustLock(t, c, "x", pawl.MaxHold(time.Second))
		wantDuration(t, "the context ended", ended(t, lock.Context(), start, pawl.ErrLost), time.Second)
		time.Sleep(time.Minute)
		if n := len(f.renewed()); n != 0 {
			t.Errorf("%d renewals", n)
		}
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
	})
}

// After a suspended machine resumes, the wall clock has gone on and the monotonic
// one has not.
func TestWallClockJump(t *testing.T) {
	tests := map[string]struct {
		at, jump time.Duration
		lost     bool
	}{
		"at once":                 {0, trusted, true},
		"past the trust deadline": {renewal, trusted - renewal, true},
		"within trust":            {renewal, trusted - renewal - 3*time.Second, false},
		"back":                    {0, -time.Hour, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(nil)
				lock := mustLock(t, c, "x")
				other := mustLock(t, c, "long", pawl.TTL(time.Hour))
				ctx := lock.Context()
				f.failRenewals(errFault) // which would move the trust
				time.Sleep(test.at)
				c.ShiftWall(test.jump)
				time.Sleep(time.Second + tick) // the keeper looks around each second
				synctest.Wait()
				if lost := ctx.Err() != nil; lost != test.lost {
					t.Errorf("lost: %v, want %v", lost, test.lost)
				}
				if other.Context().Err() != nil {
					t.Error("lost a lease with an hour's trust")
				}
				f.onRenew(nil)
				time.Sleep(time.Second)
				if err := lock.Unlock(); (err != nil) != test.lost {
					t.Errorf("Unlock: %v", err)
				}
				mustUnlock(t, other)
			})
		})
	}
}

// Unlock itself looks at the clocks, as the keeper may not have come to it yet.
func TestUnlockAfterAWallClockJump(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		lock := mustLock(t, c, "x")
		ctx := lock.Context()
		c.ShiftWall(ttl)
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
		ended(t, ctx, time.Now(), pawl.ErrLost)
		time.Sleep(time.Second)
		w.free("x")
	})
}

// onSession lets leases hang on the session that session returns.
func onSession(f *faults, session func() <-chan struct{}) {
	f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		lease, err := f.fullDriver.Acquire(ctx, req)
		lease.Lost = session()
		return lease, err
	})
}

func TestLostSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		sessions := []chan struct{}{make(chan struct{}), make(chan struct{})}
		var locks [2][]*pawl.Lock
		for i := range 2 {
			onSession(f, func() <-chan struct{} { return sessions[i] })
			for _, name := range []string{"a", "b", "c"} {
				locks[i] = append(locks[i], mustLock(t, c, name, pawl.Shared(), pawl.TTL(ttl+time.Duration(i))))
			}
		}
		if n := c.Tasks(); n != 2 {
			t.Errorf("%d goroutines for 2 sessions", n)
		}
		mustUnlock(t, locks[0][2], locks[1][2])
		start := time.Now()
		close(sessions[0])
		for i, lock := range locks[0][:2] {
			wantDuration(t, "ended", ended(t, lock.Context(), start, pawl.ErrLost), 0)
			wantErr(t, lock.Unlock(), pawl.ErrLost, lock.Name())
			if locks[1][i].Context().Err() != nil {
				t.Error("lost with the session of others")
			}
			mustUnlock(t, locks[1][i])
		}
		synctest.Wait()
		if n := c.Tasks(); n != 0 {
			t.Errorf("%d goroutines for no session", n)
		}
	})
}

// The next in line stands in the backend's line as soon as the loss is known.
func TestLossLetsTheLocalLineGoOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		session := make(chan struct{})
		onSession(f, func() <-chan struct{} { return session })
		lock := mustLock(t, c, "x")
		next := queue(t, 1, c, "x")[0]
		onSession(f, func() <-chan struct{} { return nil })
		close(session)
		if next.isDone() || len(w.inspect("x").Waiters) != 1 {
			t.Fatal("does not stand in line")
		}
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x") // which cleans up at the backend
		if !next.isDone() {
			t.Error("waits for what was unlocked")
		}
		mustUnlock(t, next.got(t))
	})
}

// A log that blocks delays nobody's end of trust.
func TestSlowLogDelaysNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		slow := pawl.ObserverFunc(func(e pawl.Event) {
			if e.Kind == pawl.Lost {
				time.Sleep(time.Minute)
			}
		})
		c := w.client(&pawl.Options{Observer: slow})
		start := time.Now()
		x := mustLock(t, c, "x", pawl.NoRenew())
		y := mustLock(t, c, "y", pawl.NoRenew())
		time.Sleep(time.Second)
		z := mustLock(t, c, "z", pawl.NoRenew())
		wantDuration(t, "x ended", ended(t, x.Context(), start, pawl.ErrLost), trusted)
		wantDuration(t, "y ended", ended(t, y.Context(), start, pawl.ErrLost), trusted)
		wantDuration(t, "z ended", ended(t, z.Context(), start, pawl.ErrLost), trusted+time.Second)
		for _, lock := range []*pawl.Lock{x, y, z} {
			wantErr(t, lock.Unlock(), pawl.ErrLost, lock.Name())
		}
	})
}
