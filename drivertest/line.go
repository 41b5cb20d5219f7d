package drivertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// pending is an Acquire under way.
type pending struct {
	req    driver.Request
	cancel context.CancelFunc
	done   chan struct{} // closed when the rest is set
	lease  driver.Lease
	err    error
	at     time.Time // when it ended
}

// start calls Acquire in a goroutine. At the end of the case it is cancelled and,
// as the contract asks for, released.
func (e *env) start(t testing.TB, d driver.Driver, req driver.Request) *pending {
	ctx, cancel := context.WithCancel(t.Context())
	p := &pending{req: req, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.lease, p.err = d.Acquire(ctx, req)
		p.at = time.Now()
	}()
	t.Cleanup(func() {
		cancel()
		ended(t, "Acquire", p.done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = d.Release(ctx, req) // the case may have done so, or closed the driver
	})
	return p
}

// wait returns the lease that p must get.
func (p *pending) wait(t testing.TB) driver.Lease {
	t.Helper()
	if p.end(t) != nil {
		t.Fatalf("Acquire of %q as %s: %v", p.req.Name, p.req.Holder, p.err)
	}
	checkLease(t, p.req, p.lease)
	return p.lease
}

// end waits until p is over and returns its error.
func (p *pending) end(t testing.TB) error {
	t.Helper()
	await(t, "the end of an Acquire", p.done)
	return p.err
}

// over reports whether p has ended.
func (p *pending) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// drain gives back what each of line gets, as soon as it has got it.
func (e *env) drain(t testing.TB, d driver.Driver, line ...*pending) {
	t.Helper()
	inParallel(t, len(line), func(i int) error {
		<-line[i].done
		if line[i].err != nil {
			return line[i].err
		}
		return d.Release(t.Context(), line[i].req)
	})
}

// locking is a Client.Lock under way.
type locking struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the rest is set
	lock   *pawl.Lock
	err    error
	at     time.Time // when it ended
}

// startLock calls Lock in a goroutine that ends with the case.
func (e *env) startLock(t testing.TB, client *pawl.Client, name string, opts ...pawl.LockOption) *locking {
	ctx, cancel := context.WithCancel(t.Context())
	l := &locking{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.lock, l.err = client.Lock(ctx, name, opts...)
		l.at = time.Now()
	}()
	t.Cleanup(func() {
		cancel()
		if ended(t, "Lock", l.done) && l.lock != nil {
			_ = l.lock.Unlock() // the case may have done so
		}
	})
	return l
}

// over reports whether l has ended.
func (l *locking) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// wait returns the lock that l must get.
func (l *locking) wait(t testing.TB) *pawl.Lock {
	t.Helper()
	await(t, "the end of a Lock", l.done)
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.lock
}

// end waits until l is over and returns its error.
func (l *locking) end(t testing.TB) error {
	t.Helper()
	await(t, "the end of a Lock", l.done)
	return l.err
}

// await waits for done.
func await(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("%s: not within %v", what, patience)
	}
}

// ended waits, at the end of a case, until a call that was cancelled is over.
func ended(t testing.TB, call string, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(patience):
		t.Errorf("%s goes on although its context has ended", call)
		return false
	}
}

// receive returns what comes out of a channel.
func receive[T any](t testing.TB, what string, from <-chan T) (got T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case got = <-from:
	case <-timer.C:
		t.Fatalf("%s: not within %v", what, patience)
	}
	return got
}

// state looks at name.
func (e *env) state(t testing.TB, name string) driver.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	state, err := e.look.(driver.Inspector).Inspect(ctx, name)
	if err != nil {
		t.Fatalf("Inspect of %q: %v", name, err)
	}
	return state
}

// holder returns the one who holds name.
func (e *env) holder(t testing.TB, name string) driver.Holder {
	t.Helper()
	state := e.state(t, name)
	if len(state.Holders) != 1 {
		t.Fatalf("%q: held by %+v, want one holder", name, state.Holders)
	}
	return state.Holders[0]
}

// eventually looks at name until ok likes what it sees.
func (e *env) eventually(t testing.TB, name, what string, ok func(driver.State) bool) {
	t.Helper()
	for start := time.Now(); ; pause() {
		state := e.state(t, name)
		if ok(state) {
			return
		}
		if time.Since(start) > patience {
			t.Fatalf("%q: %s: not within %v; it is %+v", name, what, patience, state)
		}
	}
}

// inLine waits until want, and nobody else, stand in the line of name, in their
// order where the driver has one.
func (e *env) inLine(t testing.TB, name string, want ...*pending) {
	t.Helper()
	var ids []string
	for _, p := range want {
		ids = append(ids, p.req.Holder)
	}
	e.eventually(t, name, "the line", func(state driver.State) bool {
		for _, p := range want {
			if p.over() {
				t.Fatalf("%q: %s does not wait: %v", name, p.req.Holder, p.err)
			}
		}
		if !e.traits.FIFO {
			return len(state.Waiters) == len(want)
		}
		return cmp.Equal(ids, waiterIDs(state))
	})
}

// waiting waits until n stand in the line of name.
func (e *env) waiting(t testing.TB, name string, n int) {
	t.Helper()
	e.eventually(t, name, "the number of waiters", func(state driver.State) bool { return len(state.Waiters) == n })
}

func waiterIDs(state driver.State) (ids []string) {
	for _, w := range state.Waiters {
		ids = append(ids, w.Holder)
	}
	return ids
}

// heldBy checks that holders, and nobody else, hold name, in any order.
func (e *env) heldBy(t testing.TB, name string, holders ...driver.Lease) {
	t.Helper()
	state := e.state(t, name)
	want := make(map[string]uint64)
	for _, lease := range holders {
		want[lease.Holder] = lease.Token
	}
	got := make(map[string]uint64)
	for _, h := range state.Holders {
		got[h.Holder] = h.Token
	}
	if diff := cmp.Diff(want, got); diff != "" || len(state.Holders) != len(got) {
		t.Errorf("%q: holders and tokens (-want +got):\n%s", name, diff)
	}
}

// isHeld checks that name is not to be had without waiting.
func (e *env) isHeld(t testing.TB, d driver.Driver, name string) {
	t.Helper()
	req := e.request(name, noWait)
	_, err := d.Acquire(t.Context(), req)
	if !errors.Is(err, driver.ErrHeld) {
		t.Errorf("Acquire of %q without waiting: %v, want %v", name, err, driver.ErrHeld)
	}
	if err == nil {
		e.release(t, d, req)
	}
}

// isFree checks that name is to be had without waiting.
func (e *env) isFree(t testing.TB, d driver.Driver, name string) {
	t.Helper()
	req := e.request(name, noWait)
	e.release(t, d, e.acquire(t, d, req).Request)
}
