package drivertest

import (
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// rising checks that each token of one name is larger than the one before.
type rising struct {
	last uint64
	how  string
}

func (r *rising) next(t testing.TB, how string, token uint64) {
	t.Helper()
	if token <= r.last {
		t.Errorf("token %d after %s, not over %d after %s", token, how, r.last, r.how)
	}
	r.last, r.how = token, how
}

// Tokens rise whatever becomes of the holder before: it released, ran out, was
// broken or forced, or was of another client.
func tokensRise(t *testing.T, e *env) {
	name, ttl := e.name("stock:42"), e.ttl(200*time.Millisecond)
	e.abandons(ttl)
	d := e.open(t)
	var tokens rising
	grant := func(how string, d driver.Driver, change ...func(*driver.Request)) driver.Lease {
		t.Helper()
		lease := e.acquire(t, d, e.request(name, change...))
		tokens.next(t, how, lease.Token)
		return lease
	}

	// All backends stand on the microseconds of their servers, so that tokens also
	// rise when a name moves from one to another.
	floor := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	tokens.next(t, "nothing, but on the floor of all backends", uint64(floor))

	for range 3 {
		e.release(t, d, grant("a release", d).Request)
	}
	grant("a release", d, living(ttl))
	lease := grant("an expiry", d)
	e.release(t, d, lease.Request)
	other := e.open(t)
	e.release(t, other, grant("a release, in another client", other).Request)
	if err := other.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	lease = grant("the close of a client", d)
	if breaker, ok := e.look.(driver.Breaker); ok {
		if err := breaker.Force(t.Context(), name); err != nil {
			t.Errorf("Force: %v", err)
		}
		e.release(t, d, lease.Request)
		grant("force", d, living(ttl))
		if err := breaker.Break(t.Context(), name); err != nil {
			t.Errorf("Break: %v", err)
		}
		lease = grant("a break", d)
	}
	e.release(t, d, lease.Request)
	e.release(t, d, grant("everything", d).Request)
}

// Every way to the driver's tokens gives rising ones: by waiting and without, in
// every mode.
func tokensRiseInEveryMode(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	modes := map[string]func(*driver.Request){"exclusive": func(*driver.Request) {}, "without waiting": noWait}
	if e.traits.Shared {
		modes["shared"] = asShared
	}
	if e.traits.Slots {
		modes["a slot"] = asSlot(2)
	}
	var tokens rising
	for range 4 {
		for how, mode := range modes { // in random order
			lease := e.acquire(t, d, e.request(name, mode))
			tokens.next(t, how, lease.Token)
			e.release(t, d, lease.Request)
		}
	}
}

// Tokens also rise when every client has gone and the engine was stopped
// meanwhile; a lease that was held then is still held, or has at least not been
// forgotten by the tokens.
func tokensRiseReopen(t *testing.T, e *env) {
	name, left := e.name("stock:42"), e.name("stock:43")
	e.abandons(e.ttl(ample))
	var tokens, of rising
	for range 3 {
		d := e.open(t)
		ttl := e.ttl(200 * time.Millisecond)
		lease := e.acquire(t, d, e.request(name))
		tokens.next(t, "opening it again", lease.Token)
		e.release(t, d, lease.Request)
		of.next(t, "opening it again, not released", e.acquire(t, d, e.request(left, living(ttl))).Token)
		_ = d.Close()
		_ = e.look.Close()
		if e.Restart != nil {
			e.Restart(t)
		}
		e.look = e.open(t)
	}
	e.isFree(t, e.look, name)
}
