package drivertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

const (
	// ample is a TTL that does not run out during a case.
	ample = 30 * time.Second
	// patience is how long something may take that has to happen. It is an error of
	// its own, so it only has to be long enough for a busy machine.
	patience = 25 * time.Second
	// slack is how late a measured step may be because the machine is busy.
	slack = 250 * time.Millisecond
)

// env is the backend of one case, and what the case knows of it.
type env struct {
	Backend
	traits driver.Traits
	exact  bool
	prefix string        // of every name
	look   driver.Driver // a client that only looks
	lapse  time.Duration // how long the case's leases may outlive it
}

// newID returns a random text that nothing else has.
func newID() string { return rand.Text() }

func newEnv(tb testing.TB, h Harness) *env {
	tb.Helper()
	e := &env{Backend: h.New(tb), exact: h.Exact, prefix: "drivertest-" + rand.Text()[:12] + "/"}
	e.look = e.open(tb)
	e.traits = e.look.Traits()
	return e
}

// checkAtEnd makes sure that a case that passes leaves nobody behind who holds or
// waits: every record that is still there is one that its cancelled or failed
// maker has forgotten.
func (e *env) checkAtEnd(t *testing.T) {
	inspector, ok := e.look.(driver.Inspector)
	if !ok {
		return
	}
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience+e.lapse)
		defer cancel()
		for start := time.Now(); ; pause() {
			left, err := inspector.List(ctx, e.prefix)
			switch {
			case errors.Is(err, driver.ErrClosed):
				return // the case had to close everything
			case err != nil:
				t.Errorf("List: %v", err)
				return
			case len(left) == 0:
				return
			case e.lapse == 0 || time.Since(start) > e.lapse+e.late():
				t.Errorf("left behind: %+v", left)
				return
			}
		}
	})
}

// abandons notes that the case leaves leases of ttl to run out.
func (e *env) abandons(ttl time.Duration) {
	e.lapse = max(e.lapse, ttl+e.traits.Precision+e.traits.ClaimWindow)
}

// late is how much later than promised something may be seen to happen.
func (e *env) late() time.Duration {
	if e.exact {
		return 0
	}
	return slack
}

// name returns a name of this case alone.
func (e *env) name(text string) string { return e.prefix + text }

// ttl returns d or, where the engine cannot keep that, what is next to it.
func (e *env) ttl(d time.Duration) time.Duration {
	if e.traits.FixedTTL != 0 {
		return e.traits.FixedTTL
	}
	d = max(d, e.traits.MinTTL)
	if e.traits.MaxTTL != 0 {
		d = min(d, e.traits.MaxTTL)
	}
	return d
}

// open returns one more client's driver, which is closed at the end of the case.
func (e *env) open(tb testing.TB) driver.Driver {
	tb.Helper()
	d := e.Open(tb)
	tb.Cleanup(func() { _ = d.Close() }) // the case may have closed it
	return d
}

// client returns a client on a driver of its own. At the end of the case it must
// close without delay: the case has unlocked everything.
func (e *env) client(tb testing.TB, opts *pawl.Options) *pawl.Client {
	tb.Helper()
	return e.clientOf(tb, e.open(tb), opts)
}

// clientOf is client on the driver d.
func (e *env) clientOf(tb testing.TB, d driver.Driver, opts *pawl.Options) *pawl.Client {
	tb.Helper()
	o := pawl.Options{}
	if opts != nil {
		o = *opts
	}
	if o.TTL == 0 {
		o.TTL = e.ttl(ample)
	}
	client, err := pawl.New(d, &o)
	if err != nil {
		tb.Fatalf("pawl.New: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.Close(ctx); err != nil && !errors.Is(err, pawl.ErrClosed) {
			tb.Errorf("close of a client: %v", err)
		}
	})
	return client
}

// request asks for name exclusively under a fresh holder id, changed by change.
func (e *env) request(name string, change ...func(*driver.Request)) driver.Request {
	req := driver.Request{Name: name, Holder: newID(), Owner: "drivertest", TTL: e.ttl(ample)}
	for _, c := range change {
		c(&req)
	}
	return req
}

func noWait(req *driver.Request) { req.NoWait = true }

func asShared(req *driver.Request) { req.Mode = driver.Shared }

func asSlot(of int) func(*driver.Request) {
	return func(req *driver.Request) { req.Slots = of }
}

// living sets a TTL, which e.ttl returned.
func living(ttl time.Duration) func(*driver.Request) {
	return func(req *driver.Request) { req.TTL = ttl }
}

// acquire gets a lease that is to be had.
func (e *env) acquire(t testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lease, err := d.Acquire(ctx, req)
	if err != nil {
		t.Fatalf("Acquire of %q as %s: %v", req.Name, req.Holder, err)
	}
	checkLease(t, req, lease)
	return lease
}

// checkLease checks what is true of every lease.
func checkLease(t testing.TB, req driver.Request, lease driver.Lease) {
	t.Helper()
	if lease.Name != req.Name || lease.Holder != req.Holder || lease.Mode != req.Mode || lease.Slots != req.Slots || lease.TTL != req.TTL {
		t.Errorf("Acquire of %+v returned the lease of another request: %+v", req, lease.Request)
	}
	if lease.Token == 0 || lease.Token >= 1<<55 {
		t.Errorf("token %d, want 1 to 1<<55-1", lease.Token)
	}
	if most := driver.Trust(time.Now(), req.TTL); lease.Until.After(most) {
		t.Errorf("trusted for %v more than driver.Trust gives a TTL of %v, even from now", lease.Until.Sub(most), req.TTL)
	}
}

// release gives req back.
func (e *env) release(t testing.TB, d driver.Driver, req driver.Request) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := d.Release(ctx, req); err != nil {
		t.Errorf("Release of %q as %s: %v", req.Name, req.Holder, err)
	}
}

// lock takes a lock that is to be had.
func (e *env) lock(t testing.TB, client *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	t.Helper()
	lock, err := client.Lock(t.Context(), name, append([]pawl.LockOption{pawl.Wait(patience)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func unlock(t testing.TB, lock *pawl.Lock) {
	t.Helper()
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

// wantErr checks that err matches want.
func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// mustErr is wantErr where nothing that follows makes sense otherwise.
func mustErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// timely runs attempt, which returns how much too late it was. On a busy machine an
// attempt may be late, so there are three; a driver that is late each time is at
// fault. What must never happen, attempt reports to t itself.
func (e *env) timely(t *testing.T, attempt func(t *testing.T) error) {
	t.Helper()
	var late []error
	for n := range 3 {
		err := attempt(t)
		if err == nil {
			return
		}
		late = append(late, fmt.Errorf("attempt %d: %w", n+1, err))
		if t.Failed() || e.exact {
			break
		}
	}
	t.Error(errors.Join(late...))
}

// within returns an error when took is over most and what may be excused.
func (e *env) within(what string, took, most time.Duration) error {
	if took <= most+e.late() {
		return nil
	}
	return fmt.Errorf("%s took %v, want at most %v", what, took, most)
}

// work takes d, or less when ctx ends.
func work(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause is the time between two looks at a condition.
func pause() { work(context.Background(), 2*time.Millisecond) }
