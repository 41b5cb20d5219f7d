package sessiontest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Fixture is one kind of server, for Run.
type Fixture struct {
	// Start starts a server of the test's own.
	Start func(tb testserver.TB) *testserver.Process
	// Shared returns a server that is not to be killed.
	Shared func(tb testing.TB) *testserver.Process
	// URL returns the URL for the server at addr, and user, to which parameters can be
	// added with &.
	URL func(addr, user string) string
	// Open opens a driver that is closed at the end of the test.
	Open func(tb testing.TB, url string) driver.Driver
	// NewUser makes a user without a password.
	NewUser func(tb testing.TB, addr, name string)
	// Count returns how many connections a user has.
	Count func(tb testing.TB, addr, user string) int
	// Raw makes a plain connection, for the functions of the lock called name.
	Raw func(tb testing.TB, addr, name string) Raw
	// Root is the user of the others.
	Root string
}

// Raw are another program's calls.
type Raw struct {
	Try    func() bool
	Unlock func()
}

var tests = map[string]func(*testing.T, Fixture){
	"Restart": restart, "ForceIsTold": forceIsTold, "LostReply": lostReply, "FullPool": fullPool,
	"ManyLocks": manyLocks, "Interop": interop, "TwoTTLs": twoTTLs, "CloseLeaves": closeLeaves,
}

// Run tests what is the same on every server, and no case of drivertest.
func Run(t *testing.T, f Fixture) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

func (f Fixture) shared(t *testing.T) driver.Driver {
	t.Helper()
	return f.Open(t, f.URL(f.Shared(t).Addr, f.Root))
}

func request(name string) driver.Request {
	return driver.Request{Name: name, Holder: rand.Text(), Owner: "sessiontest", TTL: 20 * time.Second}
}

// free returns a name that nobody uses.
func free() string { return "sessiontest/" + rand.Text() }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func acquire(tb testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	lease, err := d.Acquire(ctx, req)
	must(tb, err)
	return lease
}

func closed(tb testing.TB, what string, done <-chan struct{}, within time.Duration) {
	tb.Helper()
	select {
	case <-done:
	case <-time.After(within):
		tb.Fatalf("%s: not within %v", what, within)
	}
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within 20 s", what)
		}
	}
}

func waiters(tb testing.TB, d driver.Driver, name string, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprint(n, " waiters"), func() bool {
		state, err := d.(driver.Inspector).Inspect(tb.Context(), name)
		must(tb, err)
		return len(state.Waiters) == n
	})
}

// A holder learns at once that its server has gone, and whoever waited gets an error. The
// driver goes on when the server is back, with higher tokens.
func restart(t *testing.T, f Fixture) {
	server := f.Start(t)
	d := f.Open(t, f.URL(server.Addr, f.Root))
	lease := acquire(t, d, request("x"))
	ended := make(chan error, 1)
	go func() {
		_, err := d.Acquire(t.Context(), request("x"))
		ended <- err
	}()
	waiters(t, d, "x", 1)
	server.Kill()
	closed(t, "the news of the loss", lease.Lost, time.Second)
	if err := <-ended; !errors.Is(err, driver.ErrUnavailable) {
		t.Errorf("Acquire of who waited: %v, want %v", err, driver.ErrUnavailable)
	}
	if err := d.Renew(t.Context(), []driver.Lease{lease})[0].Err; !errors.Is(err, driver.ErrLost) {
		t.Errorf("Renew: %v, want %v", err, driver.ErrLost)
	}
	must(t, server.Start())
	next := acquire(t, d, request("x"))
	if next.Token <= lease.Token {
		t.Errorf("token %d after %d", next.Token, lease.Token)
	}
	must(t, d.Release(t.Context(), lease.Request))
	if _, err := f.Open(t, f.URL(server.Addr, f.Root)).Acquire(t.Context(), noWait("x")); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("Acquire beside the next holder: %v, want %v", err, driver.ErrHeld)
	}
}

func noWait(name string) driver.Request {
	req := request(name)
	req.NoWait = true
	return req
}

// Force frees the lock at once, and its holder is told within a second, without a
// renewal. Other sessions are untouched.
func forceIsTold(t *testing.T, f Fixture) {
	name, d, other := free(), f.shared(t), f.shared(t)
	breaker := other.(driver.Breaker)
	if err := breaker.Force(t.Context(), name); !errors.Is(err, driver.ErrNotHeld) {
		t.Errorf("Force of what nobody holds: %v, want %v", err, driver.ErrNotHeld)
	}
	lease, beside := acquire(t, d, request(name)), acquire(t, other, request(free()))
	if err := breaker.Break(t.Context(), name); !errors.Is(err, driver.ErrUnsupported) {
		t.Errorf("Break: %v, want %v", err, driver.ErrUnsupported)
	}
	must(t, breaker.Force(t.Context(), name))
	closed(t, "the news of the loss", lease.Lost, time.Second)
	next := acquire(t, other, request(name))
	if next.Token <= lease.Token {
		t.Errorf("token %d after %d", next.Token, lease.Token)
	}
	for i, renewal := range other.Renew(t.Context(), []driver.Lease{next, beside}) {
		must(t, renewal.Err)
		if !renewal.Until.After(beside.Until) {
			t.Errorf("lease %d: renewed until %v, was %v", i, renewal.Until, beside.Until)
		}
	}
}

// A lock whose reply was lost is free again as soon as its client has given up.
func lostReply(t *testing.T, f Fixture) {
	name, server := free(), f.Shared(t)
	proxy := testserver.NewProxy(t, server.Addr)
	d := f.Open(t, f.URL(proxy.Addr, f.Root)+"&timeout=500ms")
	must(t, d.Release(t.Context(), acquire(t, d, request(free())).Request)) // the session is there
	proxy.DropReplies(true)
	req := noWait(name)
	_, err := d.Acquire(t.Context(), req)
	if !errors.Is(err, driver.ErrUnavailable) {
		t.Fatalf("Acquire without a reply: %v, want %v", err, driver.ErrUnavailable)
	}
	proxy.DropReplies(false)
	must(t, d.Release(t.Context(), req))
	began := time.Now()
	acquire(t, f.shared(t), request(name))
	if took := time.Since(began); took > time.Second {
		t.Errorf("the lock was free only after %v", took)
	}
}

// More wait than may have connections, and all of them get their turn.
func fullPool(t *testing.T, f Fixture) {
	server := f.Shared(t)
	user := "pool" + rand.Text()[:8]
	f.NewUser(t, server.Addr, user)
	d := f.Open(t, f.URL(server.Addr, user)+"&waiters=3")
	name := free()
	first := acquire(t, d, request(name))
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			req := request(name)
			if _, err := d.Acquire(t.Context(), req); err != nil {
				t.Error(err)
				return
			}
			if err := d.Release(t.Context(), req); err != nil {
				t.Error(err)
			}
		})
	}
	waiters(t, d, name, 3)
	if n := f.Count(t, server.Addr, user); n > 6 {
		t.Errorf("%d connections, want 3 that wait and 3 at most besides", n)
	}
	must(t, d.Release(t.Context(), first.Request))
	group.Wait()
}

// A thousand locks that nobody else wants need few connections.
func manyLocks(t *testing.T, f Fixture) {
	server := f.Shared(t)
	user := "many" + rand.Text()[:8]
	f.NewUser(t, server.Addr, user)
	d := f.Open(t, f.URL(server.Addr, user))
	const n, workers = 1000, 16
	name := free()
	leases := make([]driver.Lease, n)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < n; i += workers {
				var err error
				if leases[i], err = d.Acquire(t.Context(), request(fmt.Sprint(name, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := f.Count(t, server.Addr, user); got > 4 {
		t.Errorf("%d connections for %d locks, want 4 at most", got, n)
	}
	for i, renewal := range d.Renew(t.Context(), leases) {
		if renewal.Err != nil {
			t.Fatalf("Renew of lock %d: %v", i, renewal.Err)
		}
	}
	for _, lease := range leases {
		must(t, d.Release(t.Context(), lease.Request))
	}
}

// Programs that call the server's functions and this driver exclude each other.
func interop(t *testing.T, f Fixture) {
	server := f.Shared(t)
	d := f.shared(t)
	name := fmt.Sprint("interop:", time.Now().UnixNano())
	raw := f.Raw(t, server.Addr, name)
	lease := acquire(t, d, request(name))
	if raw.Try() {
		t.Error("another program got what is held here")
	}
	must(t, d.Release(t.Context(), lease.Request))
	if !raw.Try() {
		t.Fatal("another program does not get what is free")
	}
	if _, err := d.Acquire(t.Context(), noWait(name)); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("Acquire of what another program holds: %v, want %v", err, driver.ErrHeld)
	}
	state, err := d.(driver.Inspector).Inspect(t.Context(), name)
	must(t, err)
	if len(state.Holders) != 1 || state.Holders[0].Owner != "" || state.Holders[0].Note == "" {
		t.Errorf("Inspect of what another program holds: %+v", state.Holders)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := d.Acquire(t.Context(), request(name))
		ended <- err
	}()
	waiters(t, d, name, 1)
	raw.Unlock()
	must(t, <-ended)
}

// Leases of two TTLs keep apart: a short one runs out beside a long one, not before its
// trust, and a long one outlives it.
func twoTTLs(t *testing.T, f Fixture) {
	d, other := f.shared(t), f.shared(t)
	short, long := request(free()), request(free())
	short.TTL = max(300*time.Millisecond, d.Traits().MinTTL)
	lives, dead := acquire(t, d, long), acquire(t, d, short)
	next := acquire(t, other, request(short.Name))
	if now := time.Now(); now.Before(dead.Until) {
		t.Errorf("passed on %v before the trust deadline", dead.Until.Sub(now))
	}
	if next.Token <= dead.Token {
		t.Errorf("token %d after %d", next.Token, dead.Token)
	}
	renewals := d.Renew(t.Context(), []driver.Lease{dead, lives})
	if !errors.Is(renewals[0].Err, driver.ErrLost) || renewals[1].Err != nil {
		t.Errorf("Renew: %v and %v, want %v and nil", renewals[0].Err, renewals[1].Err, driver.ErrLost)
	}
	must(t, d.Release(t.Context(), dead.Request)) // comes too late, and changes nothing
	if _, err := d.Acquire(t.Context(), noWait(short.Name)); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("Acquire beside the next holder: %v, want %v", err, driver.ErrHeld)
	}
}

// What is held when the driver closes is left to run out, and not before its trust.
func closeLeaves(t *testing.T, f Fixture) {
	d, other := f.shared(t), f.shared(t)
	req := request(free())
	req.TTL = max(time.Second, d.Traits().MinTTL)
	lease := acquire(t, d, req)
	must(t, d.Close())
	if _, err := d.Acquire(t.Context(), request(free())); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Acquire after Close: %v, want %v", err, driver.ErrClosed)
	}
	acquire(t, other, request(req.Name))
	now := time.Now()
	if now.Before(lease.Until) {
		t.Errorf("free %v before the trust deadline", lease.Until.Sub(now))
	}
	if late := now.Sub(lease.Until); late > d.Traits().Precision+500*time.Millisecond {
		t.Errorf("free only %v after the trust deadline", late)
	}
}
