package pawl_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

func TestRenewEvery(t *testing.T) {
	for _, part := range []float64{0, 2.0 / 3, 0.1, 0.999} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(&pawl.Options{RenewEvery: part})
				if part == 0 {
					part = 1.0 / 3
				}
				every := time.Duration(float64(trusted) * part)
				start := time.Now()
				lock := mustLock(t, c, "x")
				for i := range 5 {
					at := time.Duration(i+1) * every
					time.Sleep(time.Until(start.Add(at)) + 1)
					synctest.Wait()
					if calls := f.renewed(); len(calls) != i+1 || calls[i].at.Sub(start) != at {
						t.Fatalf("after %v: renewals %v, want the last of %d at %v", time.Since(start), calls, i+1, at)
					}
					if got := lock.Until().Sub(start); got != at+trusted {
						t.Errorf("trusted until %v, want %v", got, at+trusted)
					}
				}
				mustUnlock(t, lock)
				time.Sleep(time.Minute)
				if n := len(f.renewed()); n != 5 {
					t.Errorf("%d renewals after Unlock", n-5)
				}
			})
		})
	}
}

// What took long to be granted is renewed in what is left of its trust.
func TestRenewalAfterASlowGrant(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onAcquire(slowly(f, 12*time.Second))
		lock := mustLock(t, c, "x")
		time.Sleep(time.Hour)
		if lock.Context().Err() != nil {
			t.Errorf("lost without a try to renew: %v, %v", context.Cause(lock.Context()), f.renewed())
		}
		mustUnlock(t, lock)
	})
}

func TestRenewalsDueTogetherGoInOneCall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		var locks []*pawl.Lock
		for i := range 1000 {
			locks = append(locks, mustLock(t, c, fmt.Sprint(i)))
			time.Sleep(500 * time.Microsecond) // half a second, which is within an eighth of a renewal
		}
		for round := range 3 {
			time.Sleep(renewal)
			synctest.Wait()
			if calls := f.renewed(); len(calls) != round+1 || calls[round].leases != 1000 {
				t.Fatalf("round %d: %v, want one call for 1000 leases", round, calls)
			}
		}
		for _, lock := range locks {
			mustUnlock(t, lock)
		}
	})
}

// What is due much later is not renewed along, so that nobody renews more often than
// was asked for.
func TestRenewalsDueApartGoApart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		x := mustLock(t, c, "x")
		time.Sleep(renewal / 4)
		y := mustLock(t, c, "y")
		time.Sleep(renewal)
		synctest.Wait()
		if calls := f.renewed(); len(calls) != 2 || calls[0].leases != 1 || calls[1].leases != 1 {
			t.Errorf("renewals %v, want one of each", calls)
		}
		mustUnlock(t, x, y)
	})
}

func TestUnknownRenewalIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "x")
		for range 10 {
			f.failRenewals(errFault)
			time.Sleep(trusted - renewal - time.Second)
			f.onRenew(nil)
			time.Sleep(time.Second) // one of the tries comes in time
		}
		if err := lock.Context().Err(); err != nil {
			t.Errorf("ended after failed renewals with trust left: %v", err)
		}
		mustUnlock(t, lock)
	})
}

// The context ends at the trust deadline, before the backend lets the next one in.
func TestExpiryIsToldFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, f := w.faulty(nil)
		b := w.client(nil)
		start := time.Now()
		lock := mustLock(t, a, "x")
		next := queue(t, 1, b, "x")[0]
		f.failRenewals(errFault)
		wantDuration(t, "the context ended", ended(t, lock.Context(), start, pawl.ErrLost), trusted)
		if n := len(f.renewed()); n < 5 {
			t.Errorf("%d tries to renew until the trust deadline", n)
		}
		next.got(t)
		wantDuration(t, "the next got it", next.at.Sub(start), ttl)
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
		synctest.Wait()
		if len(w.inspect("x").Holders) != 1 {
			t.Error("the lost lock has released the next one")
		}
		mustUnlock(t, next.lock)
	})
}

func TestLostRenewalEndsTheContext(t *testing.T) {
	for _, force := range []bool{true, false} {
		t.Run(map[bool]string{true: "Force", false: "Break"}[force], func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				a, b := w.client(nil), w.client(nil)
				start := time.Now()
				lock := mustLock(t, a, "x")
				next := queue(t, 1, b, "x")[0]
				do, free := b.Break, ttl
				if force {
					do, free = b.Force, 0
				}
				if err := do(t.Context(), "x"); err != nil {
					t.Fatal(err)
				}
				wantDuration(t, "the context ended", ended(t, lock.Context(), start, pawl.ErrLost), renewal)
				next.got(t)
				wantDuration(t, "the next got it", next.at.Sub(start), free)
				if next.lock.Token() <= lock.Token() {
					t.Error("token did not rise")
				}
				wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
				wantErr(t, lock.Unlock(), pawl.ErrNotHeld, "x")
				synctest.Wait()
				mustUnlock(t, next.lock)
			})
		})
	}
}

// hang is a renewal that returns no earlier than release is closed, whatever its
// context says.
func hang(f *faults, release <-chan struct{}) func(context.Context, []driver.Lease) []driver.Renewal {
	return func(ctx context.Context, leases []driver.Lease) []driver.Renewal {
		<-release
		return f.fullDriver.Renew(ctx, leases)
	}
}

func TestHungRenewalDelaysNobodysEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		release := make(chan struct{})
		f.onRenew(hang(f, release))
		start := time.Now()
		x := mustLock(t, c, "x")
		time.Sleep(time.Second)
		y := mustLock(t, c, "y")
		wantDuration(t, "x ended", ended(t, x.Context(), start, pawl.ErrLost), trusted)
		// To unlock it must not release it beside its renewal.
		wantErr(t, x.Unlock(), pawl.ErrLost, "x")
		wantDuration(t, "y ended", ended(t, y.Context(), start, pawl.ErrLost), trusted+time.Second)
		close(release)
		wantErr(t, y.Unlock(), pawl.ErrLost, "y")
		time.Sleep(time.Second)
	})
}

// The outcome of a renewal that arrives when its lease was lost changes nothing.
func TestLateOutcomeOfARenewal(t *testing.T) {
	outcomes := map[string]driver.Renewal{
		"renewed": {Until: time.Now().Add(1000 * time.Hour)},
		"lost":    {Err: driver.ErrLost},
		"unknown": {Err: errFault},
	}
	for name, outcome := range outcomes {
		for _, unlocked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unlocked %v", name, unlocked), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					c, f := w.faulty(nil)
					release := make(chan struct{})
					f.onRenew(func(context.Context, []driver.Lease) []driver.Renewal {
						<-release
						return []driver.Renewal{outcome}
					})
					lock := mustLock(t, c, "x")
					ended(t, lock.Context(), time.Now(), pawl.ErrLost)
					if unlocked {
						wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
					}
					close(release)
					time.Sleep(time.Minute)
					if n := len(f.renewed()); n != 1 {
						t.Errorf("%d renewals of a lost lease", n-1)
					}
					if !unlocked {
						wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
					}
				})
			})
		}
	}
}

func TestRenewalHasADeadline(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		f.onRenew(func(ctx context.Context, leases []driver.Lease) []driver.Renewal {
			f.onRenew(nil)
			<-ctx.Done()
			return f.fullDriver.Renew(ctx, leases)
		})
		lock := mustLock(t, c, "x")
		time.Sleep(time.Hour)
		if err := lock.Context().Err(); err != nil {
			t.Errorf("one hung renewal has cost the lock: %v", err)
		}
		mustUnlock(t, lock)
	})
}

// A renewal that is under way delays the release; faults checks their order.
func TestNoRenewalOutlivesUnlock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		release := make(chan struct{})
		f.onRenew(hang(f, release))
		start := time.Now()
		lock := mustLock(t, c, "x")
		time.Sleep(renewal + time.Second)
		time.AfterFunc(2*time.Second, func() { close(release) })
		mustUnlock(t, lock)
		wantDuration(t, "Unlock returned", time.Since(start), renewal+3*time.Second)
		w.free("x")
		time.Sleep(time.Minute)
		if n := len(f.renewed()); n != 1 {
			t.Errorf("%d renewals", n)
		}
	})
}

// Handed-on leases are renewed for whoever holds them, and for nobody whose
// context has ended.
func TestRenewalsFollowTheHolder(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(&pawl.Options{HandoffFor: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		first := mustLockCtx(t, ctx, c, "x")
		next := queue(t, 1, c, "x")[0]
		cancel()
		time.Sleep(renewal + time.Second)
		if n := len(f.renewed()); n != 0 {
			t.Errorf("%d renewals for a context that has ended", n)
		}
		mustUnlock(t, first)
		second := next.got(t)
		if !sameLease(first, second) {
			t.Fatal("not handed on")
		}
		time.Sleep(time.Hour)
		if second.Context().Err() != nil {
			t.Error("not renewed after the handoff")
		}
		mustUnlock(t, second)
	})
}

func TestEndOfContextEndsRenewals(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, f := w.faulty(nil)
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		lock := mustLockCtx(t, ctx, a, "x")
		time.Sleep(time.Second)
		cancel()
		next := lockAsync(t.Context(), w.client(nil), "x")
		next.got(t)
		wantDuration(t, "the next got it", next.at.Sub(start), ttl)
		if n := len(f.renewed()); n != 0 {
			t.Errorf("%d renewals", n)
		}
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
		mustUnlock(t, next.lock)
	})
}

func TestHugeDurations(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		const most = time.Duration(math.MaxInt64)
		lock := mustLock(t, c, "x", pawl.TTL(most), pawl.Wait(most), pawl.MaxHold(most))
		time.Sleep(time.Hour)
		if err := lock.Context().Err(); err != nil {
			t.Errorf("ended: %v", context.Cause(lock.Context()))
		}
		waiting := queue(t, 1, c, "x", pawl.Wait(most))[0]
		mustUnlock(t, lock)
		mustUnlock(t, waiting.got(t))
	})
}
