package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// A lease that nobody renews passes to who waits: never before the trust deadline of
// its holder, and at most Traits.Precision after its TTL.
func expiry(t *testing.T, e *env) {
	ttl := e.ttl(300 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name := e.name(newID())
		d := e.open(t)
		asked := time.Now()
		dead := e.acquire(t, d, e.request(name, living(ttl)))
		granted := time.Now()
		next := e.start(t, e.open(t), e.request(name))
		lease := next.wait(t)
		if next.at.Before(dead.Until) {
			t.Errorf("somebody else was let in %v before the trust deadline, %v after the request", dead.Until.Sub(next.at), next.at.Sub(asked))
		}
		if lease.Token <= dead.Token {
			t.Errorf("token %d after %d", lease.Token, dead.Token)
		}
		e.release(t, d, dead.Request) // comes too late, and changes nothing
		e.heldBy(t, name, lease)
		e.release(t, d, lease.Request)
		return e.within("the takeover", next.at.Sub(granted), ttl+e.traits.Precision)
	})
}

// Whoever does not wait gets what has run out, too, and not before.
func expiryWithoutWaiting(t *testing.T, e *env) {
	ttl := e.ttl(200 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		dead := e.acquire(t, e.open(t), e.request(name, living(ttl)))
		granted := time.Now()
		for {
			req := e.request(name, noWait)
			lease, err := d.Acquire(t.Context(), req)
			now := time.Now()
			if err == nil {
				if now.Before(dead.Until) {
					t.Errorf("somebody else was let in %v before the trust deadline", dead.Until.Sub(now))
				}
				e.release(t, d, lease.Request)
				return e.within("the takeover", now.Sub(granted), ttl+e.traits.Precision+2*time.Millisecond)
			}
			mustErr(t, "Acquire without waiting", err, driver.ErrHeld)
			if now.Sub(granted) > ttl+patience {
				t.Fatal("it never runs out")
			}
			pause()
		}
	})
}

// The end of trust is told to the holder before anybody else is let in.
func expiryToldFirst(t *testing.T, e *env) {
	ttl := e.ttl(300 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, told := e.name(newID()), make(chan time.Time, 1)
		lock := e.lock(t, e.client(t, nil), name, pawl.TTL(ttl), pawl.NoRenew())
		context.AfterFunc(lock.Context(), func() { told <- time.Now() })
		next := e.start(t, e.open(t), e.request(name))
		next.wait(t)
		if until := lock.Until(); next.at.Before(until) {
			t.Errorf("somebody else was let in %v before the trust deadline", until.Sub(next.at))
		}
		at := receive(t, "the end of the holder's context", told)
		wantErr(t, "the cause of its context", context.Cause(lock.Context()), pawl.ErrLost)
		wantErr(t, "Unlock", lock.Unlock(), pawl.ErrLost)
		e.heldBy(t, name, next.lease)
		e.release(t, e.look, next.req)
		return e.within("to tell the holder, after somebody else was let in,", at.Sub(next.at), 0)
	})
}

// Leases of different TTLs live side by side, of several names and one after the
// other on one.
func twoTTLs(t *testing.T, e *env) {
	if e.traits.FixedTTL != 0 {
		t.Skip("by its traits: the TTL is fixed")
	}
	short, long := e.ttl(250*time.Millisecond), e.ttl(ample)
	one, two, d := e.name("one"), e.name("two"), e.open(t)
	lives := e.acquire(t, d, e.request(two, living(long)))
	dead := e.acquire(t, d, e.request(one, living(short)))
	next := e.start(t, e.open(t), e.request(one, living(long)))
	lease := next.wait(t)
	if next.at.Before(dead.Until) {
		t.Errorf("the short one was over %v before its trust deadline", dead.Until.Sub(next.at))
	}
	work(t.Context(), 2*short)
	e.heldBy(t, one, lease)
	e.heldBy(t, two, lives)
	e.release(t, d, lives.Request)
	e.release(t, d, lease.Request)

	lives = e.acquire(t, d, e.request(one, living(long)))
	waits := e.start(t, e.open(t), e.request(one, living(short)))
	e.inLine(t, one, waits)
	work(t.Context(), 2*short) // longer than the TTL of what the waiter wants
	e.inLine(t, one, waits)
	e.release(t, d, lives.Request)
	e.release(t, d, waits.wait(t).Request)
}

// A lease runs out although others of the same driver are renewed.
func expiryBesideRenewed(t *testing.T, e *env) {
	d, ttl := e.open(t), e.ttl(600*time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, beside := e.name(newID()), e.name(newID())
		client := e.clientOf(t, e.open(t), nil)
		kept := e.lock(t, client, beside, pawl.TTL(ttl))
		dead := e.lock(t, client, name, pawl.TTL(ttl), pawl.NoRenew())
		granted := time.Now()
		next := e.start(t, d, e.request(name))
		next.wait(t)
		took := next.at.Sub(granted)
		e.release(t, d, next.req)
		wantErr(t, "Unlock of what has run out", dead.Unlock(), pawl.ErrLost)
		_ = kept.Unlock() // on a busy machine it may be lost, too
		return e.within("the takeover", took, ttl+e.traits.Precision)
	})
}

// When one reader's lease has run out, the others still hold, and a writer gets in
// only after the last.
func expiryShared(t *testing.T, e *env) {
	name, ttl := e.name("catalogue"), e.ttl(250*time.Millisecond)
	d := e.open(t)
	lives := e.acquire(t, d, e.request(name, asShared))
	dead := e.acquire(t, e.open(t), e.request(name, asShared, living(ttl)))
	writer := e.start(t, e.open(t), e.request(name))
	e.eventually(t, name, "one reader", func(state driver.State) bool { return len(state.Holders) == 1 })
	if now := time.Now(); now.Before(dead.Until) {
		t.Errorf("the reader was gone %v before its trust deadline", dead.Until.Sub(now))
	}
	e.heldBy(t, name, lives)
	e.inLine(t, name, writer)
	e.release(t, d, lives.Request)
	e.release(t, d, writer.wait(t).Request)
}

// A waiter that was granted and does not claim, because its process has stopped, is
// passed over within the claim window.
func claimPassedOver(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		first := e.acquire(t, d, e.request(name))
		gone := e.start(t, e.open(t), e.request(name))
		e.inLine(t, name, gone)
		next := e.start(t, e.open(t), e.request(name))
		e.inLine(t, name, gone, next)
		gone.cancel() // and its Release never comes
		wantErr(t, "Acquire after its context ended", gone.end(t), context.Canceled)
		freed := time.Now()
		e.release(t, d, first.Request)
		next.wait(t)
		e.release(t, d, next.req)
		return e.within("the takeover", next.at.Sub(freed), e.traits.ClaimWindow+e.traits.Precision)
	})
}
