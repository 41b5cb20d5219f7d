package drivertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// renew renews one lease.
func renew(t testing.TB, d driver.Driver, lease driver.Lease) driver.Renewal {
	t.Helper()
	renewals := d.Renew(t.Context(), []driver.Lease{lease})
	if len(renewals) != 1 {
		t.Fatalf("Renew of one lease returned %d renewals", len(renewals))
	}
	return renewals[0]
}

// A renewal moves the trust deadline and the expiry to a full TTL from now.
func renewExtends(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	lease := e.acquire(t, d, e.request(name))
	before := e.holder(t, name)
	for range 3 {
		work(t.Context(), 5*time.Millisecond) // so that now is another time, on any engine's clock
		sent := time.Now()
		renewal := renew(t, d, lease)
		if renewal.Err != nil {
			t.Fatalf("Renew: %v", renewal.Err)
		}
		if least := driver.Trust(sent, lease.TTL); renewal.Until.Before(least) || renewal.Until.After(driver.Trust(time.Now(), lease.TTL)) {
			t.Errorf("renewed until %v, %v from the least that a full TTL gives", renewal.Until, renewal.Until.Sub(least))
		}
		after := e.holder(t, name)
		if after.Until.Sub(before.Until) < 4*time.Millisecond {
			t.Errorf("a renewal moved the engine's expiry by %v", after.Until.Sub(before.Until))
		}
		if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(driver.Holder{}, "Until")); diff != "" {
			t.Errorf("a renewal changed the holder (-before +after):\n%s", diff)
		}
		before = after
	}
	e.release(t, d, lease.Request)
}

// A client renews what it holds: nobody else gets in long after the first TTL.
func renewByClient(t *testing.T, e *env) {
	ttl := e.ttl(600 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name := e.name(newID())
		lock := e.lock(t, e.client(t, nil), name, pawl.TTL(ttl))
		waiter := e.startLock(t, e.client(t, nil), name)
		work(lock.Context(), 2*ttl+ttl/2)
		if cause := context.Cause(lock.Context()); cause != nil {
			_ = lock.Unlock()
			return fmt.Errorf("lost although it is renewed: %w", cause)
		}
		select {
		case <-waiter.done:
			t.Errorf("another client got in beside the holder: %v", waiter.err)
		default:
		}
		unlock(t, lock)
		unlock(t, waiter.wait(t))
		return nil
	})
}

// After its expiry a lease is lost for good: a renewal says so and creates nothing,
// whether somebody else holds the lock now or nobody.
func renewExpired(t *testing.T, e *env) {
	d, other := e.open(t), e.open(t)
	ttl := e.ttl(200 * time.Millisecond)
	free, taken := e.name("nobody's"), e.name("somebody's")
	one := e.acquire(t, d, e.request(free, living(ttl)))
	two := e.acquire(t, d, e.request(taken, living(ttl)))
	next := e.acquire(t, other, e.request(taken))
	e.release(t, other, e.acquire(t, other, e.request(free)).Request)

	wantErr(t, "Renew of what has run out and is free", renew(t, d, one).Err, driver.ErrLost)
	wantErr(t, "Renew of what has run out and is held", renew(t, d, two).Err, driver.ErrLost)
	e.heldBy(t, free)
	e.heldBy(t, taken, next)
	e.release(t, d, two.Request)
	e.heldBy(t, taken, next)
	if renewal := renew(t, other, next); renewal.Err != nil {
		t.Errorf("Renew by the present holder: %v", renewal.Err)
	}
	e.release(t, other, next.Request)
}

// The same where nobody has touched the lock since: it is the renewal itself that
// has to notice.
func renewExpiredUntouched(t *testing.T, e *env) {
	d, ttl := e.open(t), e.ttl(200*time.Millisecond)
	name := e.name("stock:42")
	lease := e.acquire(t, d, e.request(name, living(ttl)))
	work(t.Context(), ttl+e.traits.Precision+time.Millisecond)
	wantErr(t, "Renew of what has run out", renew(t, d, lease).Err, driver.ErrLost)
	e.heldBy(t, name)
	e.isFree(t, e.look, name)
}

// A renewal or release under another holder id changes nothing.
func foreignChangesNothing(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	lease := e.acquire(t, d, e.request(name))
	waiter := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, waiter)
	before := e.state(t, name)

	foreign := lease
	foreign.Holder = newID()
	wantErr(t, "Renew by a stranger", renew(t, d, foreign).Err, driver.ErrLost)
	e.release(t, d, foreign.Request)
	foreign.Holder = waiter.req.Holder
	wantErr(t, "Renew by a waiter", renew(t, d, foreign).Err, driver.ErrLost)

	if diff := cmp.Diff(before, e.state(t, name), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a stranger changed the state (-before +after):\n%s", diff)
	}
	e.release(t, d, lease.Request)
	e.release(t, d, waiter.wait(t).Request)
}

// One Renew of many leases answers each in its place, whatever became of the others.
func renewMany(t *testing.T, e *env) {
	d, ttl := e.open(t), e.ttl(ample)
	var leases []driver.Lease
	var want, got []bool
	for i := range 20 {
		lease := e.acquire(t, d, e.request(e.name(fmt.Sprintf("stock:%d", i)), living(ttl)))
		if i%3 == 1 {
			e.release(t, d, lease.Request)
		}
		leases, want = append(leases, lease), append(want, i%3 == 1)
	}
	renewals := d.Renew(t.Context(), leases)
	for i, renewal := range renewals {
		got = append(got, errors.Is(renewal.Err, driver.ErrLost))
		if renewal.Err == nil && renewal.Until.Before(leases[i].Until) {
			t.Errorf("lease %d: renewed until %v, before %v", i, renewal.Until, leases[i].Until)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("which are lost (-want +got):\n%s", diff)
	}
	if none := d.Renew(t.Context(), nil); len(none) != 0 {
		t.Errorf("Renew of nothing returned %d renewals", len(none))
	}
	for _, lease := range leases {
		e.release(t, d, lease.Request)
	}
}

// To release again is harmless, also when somebody else holds the lock by then.
func releaseTwice(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	first := e.acquire(t, d, e.request(name))
	e.release(t, d, first.Request)
	e.release(t, d, first.Request)
	second := e.acquire(t, d, e.request(name))
	e.release(t, d, first.Request)
	e.isHeld(t, d, name)
	if renewal := renew(t, d, second); renewal.Err != nil {
		t.Errorf("Renew of a lease after another one was released twice: %v", renewal.Err)
	}
	e.release(t, d, second.Request)

	lock := e.lock(t, e.client(t, nil), name)
	unlock(t, lock)
	wantErr(t, "a second Unlock", lock.Unlock(), pawl.ErrNotHeld)
	e.isFree(t, d, name)
}

// A request that is sent again, because its reply was lost, has the effect of one.
func acquireIdempotent(t *testing.T, e *env) {
	uses := map[string]func(*driver.Request){"exclusive": func(*driver.Request) {}}
	if e.traits.Shared {
		uses["shared"] = asShared
	}
	if e.traits.Slots {
		uses["slots"] = asSlot(2)
	}
	for use, as := range uses {
		name, d := e.name(use), e.open(t)
		req := e.request(name, as)
		first := e.acquire(t, d, req)
		for range 3 {
			if again := e.acquire(t, d, req); again.Token != first.Token {
				t.Errorf("%s: asking again returned token %d, want %d", use, again.Token, first.Token)
			}
		}
		req.NoWait = true
		if again := e.acquire(t, d, req); again.Token != first.Token {
			t.Errorf("%s: asking again without waiting returned token %d, want %d", use, again.Token, first.Token)
		}
		if use == "slots" {
			e.release(t, d, e.acquire(t, d, e.request(name, as, noWait)).Request)
		}
		e.release(t, d, req)
		e.isFree(t, d, name)
	}
}

// A waiter that asks again under its holder id stands in line once, and what it does
// with that id goes for all its requests.
func waitIdempotent(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	first := e.acquire(t, d, e.request(name))
	req := e.request(name)
	other := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, other)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		_, err := d.Acquire(ctx, req)
		cancel()
		wantErr(t, "Acquire at its deadline", err, context.DeadlineExceeded)
		times := 0
		for _, id := range waiterIDs(e.state(t, name)) {
			if id == req.Holder {
				times++
			}
		}
		if times > 1 {
			t.Errorf("it stands in line %d times", times)
		}
	}
	last := e.start(t, d, req)
	e.eventually(t, name, "two in line", func(state driver.State) bool { return len(state.Waiters) == 2 })
	e.release(t, d, first.Request)
	e.drain(t, d, other, last)
	e.isFree(t, d, name)
}
