package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Break forbids renewal and nothing else: the lock passes on when the lease runs
// out, and not before the trust deadline.
func breakExpires(t *testing.T, e *env) {
	name, ttl := e.name("stock:42"), e.ttl(500*time.Millisecond)
	d := e.open(t)
	lease := e.acquire(t, d, e.request(name, living(ttl)))
	if err := e.look.(driver.Breaker).Break(t.Context(), name); err != nil {
		t.Fatalf("Break: %v", err)
	}
	if state := e.state(t, name); len(state.Holders) == 1 && !state.Holders[0].Broken {
		t.Errorf("Inspect does not say that it is broken: %+v", state)
	}
	next := e.start(t, e.open(t), e.request(name))
	wantErr(t, "Renew of a broken lease", renew(t, d, lease).Err, driver.ErrLost)
	got := next.wait(t)
	if next.at.Before(lease.Until) {
		t.Errorf("somebody else was let in %v before the trust deadline", lease.Until.Sub(next.at))
	}
	if got.Token <= lease.Token {
		t.Errorf("token %d after %d", got.Token, lease.Token)
	}
	if renewal := renew(t, d, got); renewal.Err != nil {
		t.Errorf("Renew by the next holder: %v", renewal.Err)
	}
	if state := e.state(t, name); len(state.Holders) != 1 || state.Holders[0].Broken {
		t.Errorf("the next holder is broken, too: %+v", state)
	}
	e.release(t, d, lease.Request)
	e.heldBy(t, name, got)
	e.release(t, d, got.Request)
}

// A holder may give back what was broken before it runs out.
func breakThenRelease(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	lease := e.acquire(t, d, e.request(name))
	next := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, next)
	if err := e.look.(driver.Breaker).Break(t.Context(), name); err != nil {
		t.Fatalf("Break: %v", err)
	}
	e.release(t, d, lease.Request)
	e.release(t, d, next.wait(t).Request)
}

// The holder that was broken learns of it at its next renewal: its context ends.
func breakIsTold(t *testing.T, e *env) {
	ttl := e.ttl(900 * time.Millisecond)
	for what, do := range map[string]func(*pawl.Client, context.Context, string) error{
		"Break": (*pawl.Client).Break, "Force": (*pawl.Client).Force,
	} {
		e.timely(t, func(t *testing.T) error {
			name := e.name(what + newID())
			lock := e.lock(t, e.client(t, nil), name, pawl.TTL(ttl))
			if err := do(e.client(t, nil), t.Context(), name); err != nil {
				t.Fatal(err)
			}
			done := time.Now()
			await(t, "the end of the holder's context after "+what, lock.Context().Done())
			took := time.Since(done)
			wantErr(t, "its cause", context.Cause(lock.Context()), pawl.ErrLost)
			wantErr(t, "Unlock", lock.Unlock(), pawl.ErrLost)
			return e.within("to tell the holder", took, ttl/3+e.traits.Precision)
		})
	}
}

// Force frees the lock at once. The holder's renewal fails, its release changes
// nothing, and the next token is higher.
func forceFrees(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	lease := e.acquire(t, d, e.request(name))
	next := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, next)
	start := time.Now()
	if err := e.look.(driver.Breaker).Force(t.Context(), name); err != nil {
		t.Fatalf("Force: %v", err)
	}
	got := next.wait(t)
	if took := next.at.Sub(start); took > e.ttl(ample)/4 {
		t.Errorf("free only after %v", took)
	}
	if got.Token <= lease.Token {
		t.Errorf("token %d after %d", got.Token, lease.Token)
	}
	wantErr(t, "Renew of a lease that was forced", renew(t, d, lease).Err, driver.ErrLost)
	e.release(t, d, lease.Request)
	e.heldBy(t, name, got)
	e.release(t, d, got.Request)
}

// Break and Force reach all who hold, and leave the line as it is.
func breakAllHolders(t *testing.T, e *env) {
	name, d := e.name("catalogue"), e.open(t)
	breaker := e.look.(driver.Breaker)
	other := e.open(t)
	readers := []driver.Lease{e.acquire(t, d, e.request(name, asShared)), e.acquire(t, other, e.request(name, asShared))}
	writer := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, writer)
	if err := breaker.Break(t.Context(), name); err != nil {
		t.Fatalf("Break: %v", err)
	}
	e.inLine(t, name, writer)
	wantErr(t, "Renew of one broken lease", renew(t, d, readers[0]).Err, driver.ErrLost)
	wantErr(t, "Renew of the other", renew(t, other, readers[1]).Err, driver.ErrLost)
	if err := breaker.Force(t.Context(), name); err != nil {
		t.Fatalf("Force: %v", err)
	}
	e.release(t, d, writer.wait(t).Request)
	for _, lease := range readers {
		e.release(t, d, lease.Request)
	}
}

// What nobody holds cannot be broken, whether it was never used, is free again or has
// run out.
func breakNotHeld(t *testing.T, e *env) {
	name, d, ttl := e.name("stock:42"), e.open(t), e.ttl(200*time.Millisecond)
	breaker := e.look.(driver.Breaker)
	check := func(when string) {
		t.Helper()
		wantErr(t, "Break "+when, breaker.Break(t.Context(), name), driver.ErrNotHeld)
		wantErr(t, "Force "+when, breaker.Force(t.Context(), name), driver.ErrNotHeld)
	}
	check("of a name that was never used")
	e.release(t, d, e.acquire(t, d, e.request(name)).Request)
	check("of a name that is free again")
	lease := e.acquire(t, d, e.request(name, living(ttl)))
	work(t.Context(), ttl+e.traits.Precision+time.Millisecond)
	check("of a name whose holder has died")
	e.release(t, d, lease.Request)
	wantErr(t, "Break by a client", e.client(t, nil).Break(t.Context(), name), pawl.ErrNotHeld)
}

// A client says so when its driver cannot break.
func breakUnsupported(t *testing.T, e *env) {
	client := e.client(t, nil)
	wantErr(t, "Break", client.Break(t.Context(), e.name("stock:42")), pawl.ErrUnsupported)
	wantErr(t, "Force", client.Force(t.Context(), e.name("stock:42")), pawl.ErrUnsupported)
}
