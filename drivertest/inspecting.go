package drivertest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Inspect and List show who holds and who waits, with everything that is known of
// them, and the line in its order.
func inspectShows(t *testing.T, e *env) {
	d := e.open(t)
	name, other := e.name("stock:42"), e.name("stock:43")
	as := func(owner, note string) func(*driver.Request) {
		return func(req *driver.Request) { req.Owner, req.Note = owner, note }
	}
	begin := time.Now()
	holder := e.acquire(t, d, e.request(name, as("web-1/4711/shop", `it's "50 %"`)))
	if e.traits.Shared {
		e.lockedBesides(t, d, other, asShared)
	}
	var line []*pending
	for _, owner := range []string{"zoë/1/shop", "web-2/2/shop", "", "a\nb"} {
		line = append(line, e.start(t, e.open(t), e.request(name, as(owner, "a note of "+owner))))
		e.inLine(t, name, line...)
	}
	state := e.state(t, name)
	want := driver.State{Name: name, Holders: []driver.Holder{{
		Holder: holder.Holder, Owner: holder.Owner, Note: holder.Note, Token: holder.Token,
	}}}
	for _, p := range line {
		want.Waiters = append(want.Waiters, driver.Waiter{Holder: p.req.Holder, Owner: p.req.Owner, Note: p.req.Note})
	}
	times := []cmp.Option{cmpopts.IgnoreTypes(time.Time{}), cmpopts.SortSlices(func(a, b driver.Waiter) bool { return !e.traits.FIFO && a.Holder < b.Holder })}
	if e.traits.FIFO {
		times = times[:1]
	}
	if diff := cmp.Diff(want, state, times...); diff != "" {
		t.Errorf("Inspect (-want +got):\n%s", diff)
	}
	checkTimes(t, state, holder.TTL, begin)

	states, err := e.look.(driver.Inspector).List(t.Context(), name)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := cmp.Diff([]driver.State{state}, states, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("List differs from Inspect (-Inspect +List):\n%s", diff)
	}
	e.release(t, d, holder.Request)
	e.drain(t, d, line...)
}

// lockedBesides checks that Inspect tells the mode.
func (e *env) lockedBesides(t *testing.T, d driver.Driver, name string, mode func(*driver.Request)) {
	t.Helper()
	lease := e.acquire(t, d, e.request(name, mode))
	if state := e.state(t, name); len(state.Holders) != 1 || state.Holders[0].Mode != lease.Mode {
		t.Errorf("Inspect says %+v of a %v holder", state, lease.Mode)
	}
	writer := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, writer)
	reader := e.start(t, e.open(t), e.request(name, mode))
	e.inLine(t, name, writer, reader)
	for _, w := range e.state(t, name).Waiters {
		if w.Holder == writer.req.Holder && w.Mode != driver.Exclusive || w.Holder == reader.req.Holder && w.Mode != lease.Mode {
			t.Errorf("Inspect says that %+v waits", w)
		}
	}
	e.release(t, d, lease.Request)
	e.drain(t, d, writer, reader)
}

// checkTimes checks the engine's times, whose clock roughly agrees with ours.
func checkTimes(t *testing.T, state driver.State, ttl time.Duration, begin time.Time) {
	t.Helper()
	const agree = time.Minute
	// A session's last word may be a little younger than the lease, and Until is never
	// earlier than what the holder believes.
	const early, late = time.Millisecond, 100 * time.Millisecond
	near := func(what string, got, want time.Time) {
		t.Helper()
		if got.Sub(want).Abs() > agree {
			t.Errorf("%s is %v, want about %v", what, got, want)
		}
	}
	for _, h := range state.Holders {
		near("Since of the holder", h.Since, begin)
		if lives := h.Until.Sub(h.Since); lives < ttl-early || lives > ttl+late {
			t.Errorf("the holder's Until is %v after its Since, want its TTL %v", lives, ttl)
		}
	}
	for i, w := range state.Waiters {
		near("Since of a waiter", w.Since, begin)
		if i > 0 && w.Since.Before(state.Waiters[i-1].Since) {
			t.Errorf("waiter %d waits since %v, and the one before since %v", i, w.Since, state.Waiters[i-1].Since)
		}
	}
}

// A name that nobody uses has neither holders nor waiters, and is not listed; nor is
// one that is not used any more, or whose holder has died.
func inspectUnused(t *testing.T, e *env) {
	d, ttl := e.open(t), e.ttl(200*time.Millisecond)
	inspected, listed := e.name("inspected"), e.name("listed")
	unused := func(when string) {
		t.Helper()
		states, err := e.look.(driver.Inspector).List(t.Context(), listed)
		if err != nil || len(states) != 0 {
			t.Errorf("List %s: %+v, %v, want nothing", when, states, err)
		}
		if diff := cmp.Diff(driver.State{Name: inspected}, e.state(t, inspected), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Inspect %s (-want +got):\n%s", when, diff)
		}
	}
	unused("before its first use")
	e.release(t, d, e.acquire(t, d, e.request(inspected)).Request)
	e.release(t, d, e.acquire(t, d, e.request(listed)).Request)
	unused("after a release")
	one, two := e.acquire(t, d, e.request(inspected, living(ttl))), e.acquire(t, d, e.request(listed, living(ttl)))
	work(t.Context(), ttl+e.traits.Precision+time.Millisecond)
	unused("after an expiry")
	e.release(t, d, one.Request)
	e.release(t, d, two.Request)
	unused("after a release that came too late")
}

// The client shows the same, with its tokens.
func inspectByClient(t *testing.T, e *env) {
	name := e.name("stock:42")
	client := e.client(t, &pawl.Options{Owner: "web-1/4711/shop"})
	lock := e.lock(t, client, name, pawl.Note("the nightly count"))
	waiter := e.startLock(t, e.client(t, &pawl.Options{Owner: "web-2/1/shop"}), name)
	e.waiting(t, name, 1)
	got, err := client.Inspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	want := pawl.Info{
		Name:    name,
		Holders: []pawl.Holder{{Owner: "web-1/4711/shop", Note: "the nightly count", Token: lock.Token()}},
		Waiters: []pawl.Waiter{{Owner: "web-2/1/shop"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("Inspect (-want +got):\n%s", diff)
	}
	list, err := client.List(t.Context(), name)
	if diff := cmp.Diff([]pawl.Info{got}, list, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("List: %v (-Inspect +List):\n%s", err, diff)
	}
	unlock(t, lock)
	unlock(t, waiter.wait(t))
}

// A client says so when its driver cannot look.
func inspectUnsupported(t *testing.T, e *env) {
	client := e.client(t, nil)
	_, err := client.Inspect(t.Context(), e.name("stock:42"))
	wantErr(t, "Inspect", err, pawl.ErrUnsupported)
	_, err = client.List(t.Context(), e.prefix)
	wantErr(t, "List", err, pawl.ErrUnsupported)
}
