package drivertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// faulty is a driver whose requests or replies go astray.
type faulty struct {
	driver.Driver
	acquire func(ctx context.Context, d driver.Driver, req driver.Request) (driver.Lease, error)
	release func(ctx context.Context, d driver.Driver, req driver.Request) error
}

func (f *faulty) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if f.acquire == nil {
		return f.Driver.Acquire(ctx, req)
	}
	return f.acquire(ctx, f.Driver, req)
}

func (f *faulty) Release(ctx context.Context, req driver.Request) error {
	if f.release == nil {
		return f.Driver.Release(ctx, req)
	}
	return f.release(ctx, f.Driver, req)
}

// A request that arrives after its own clean-up gains nothing.
func delayedAcquire(t *testing.T, e *env) {
	d := e.open(t)
	for what, change := range map[string]func(*driver.Request){"waiting": func(*driver.Request) {}, "without waiting": noWait} {
		name := e.name(what)
		req := e.request(name, change)
		e.release(t, e.open(t), req)
		lease, err := d.Acquire(t.Context(), req)
		wantErr(t, "Acquire after its Release, "+what, err, driver.ErrLost)
		if err == nil {
			t.Errorf("it granted %+v", lease)
		}
		e.isFree(t, e.look, name)
	}
}

// The same where the lock is held: it does not even stand in line.
func delayedAcquireHeld(t *testing.T, e *env) {
	d, name := e.open(t), e.name("stock:42")
	first := e.acquire(t, d, e.request(name))
	req := e.request(name)
	e.release(t, d, req)
	p := e.start(t, d, req)
	wantErr(t, "Acquire after its Release", p.end(t), driver.ErrLost)
	e.waiting(t, name, 0)
	e.release(t, d, first.Request)
	e.isFree(t, d, name)
}

// A request that was in line and has left it does not come back with one of its
// requests that is late.
func releasedWaiter(t *testing.T, e *env) {
	d, name := e.open(t), e.name("stock:42")
	first := e.acquire(t, d, e.request(name))
	req := e.request(name)
	p := e.start(t, d, req)
	e.waiting(t, name, 1)
	p.cancel()
	wantErr(t, "the wait", p.end(t), context.Canceled)
	e.release(t, d, req)
	again := e.start(t, d, req)
	wantErr(t, "Acquire after its Release", again.end(t), driver.ErrLost)
	e.waiting(t, name, 0)
	e.release(t, d, first.Request)
	e.isFree(t, d, name)
}

// A client whose request is overtaken by its own clean-up leaves no holder.
func delayedByNetwork(t *testing.T, e *env) {
	name := e.name("stock:42")
	arrived := make(chan error, 1)
	var late sync.WaitGroup
	released := make(chan struct{})
	f := &faulty{Driver: e.open(t)}
	f.acquire = func(ctx context.Context, d driver.Driver, req driver.Request) (driver.Lease, error) {
		late.Go(func() { // the request goes on although its caller has given up
			select {
			case <-released:
			case <-t.Context().Done():
			}
			_, err := d.Acquire(context.WithoutCancel(ctx), req)
			arrived <- err
		})
		<-ctx.Done()
		return driver.Lease{}, ctx.Err()
	}
	f.release = func(ctx context.Context, d driver.Driver, req driver.Request) error {
		err := d.Release(ctx, req)
		close(released)
		return err
	}
	client := e.clientOf(t, f, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Lock(ctx, name)
	wantErr(t, "Lock", err, context.DeadlineExceeded)
	wantErr(t, "the request that came after its clean-up", receive(t, "its end", arrived), driver.ErrLost)
	late.Wait()
	e.isFree(t, e.look, name)
}

// A client whose reply was lost leaves no holder either: the lock is free long
// before the lease would run out.
func lostReply(t *testing.T, e *env) {
	name := e.name("stock:42")
	f := &faulty{Driver: e.open(t)}
	f.acquire = func(ctx context.Context, d driver.Driver, req driver.Request) (driver.Lease, error) {
		if _, err := d.Acquire(ctx, req); err != nil {
			return driver.Lease{}, err
		}
		return driver.Lease{}, driver.ErrUnavailable
	}
	_, err := e.clientOf(t, f, nil).Lock(t.Context(), name)
	wantErr(t, "Lock", err, pawl.ErrUnavailable)
	start := time.Now()
	unlock(t, e.lock(t, e.client(t, nil), name))
	if took := time.Since(start); took > e.ttl(ample)/4 {
		t.Errorf("the lock was free only after %v", took)
	}
}

// A client goes on releasing when the backend does not answer at first.
func lostRelease(t *testing.T, e *env) {
	name := e.name("stock:42")
	f := &faulty{Driver: e.open(t)}
	tries := 0
	f.release = func(ctx context.Context, d driver.Driver, req driver.Request) error {
		if tries++; tries < 3 {
			return driver.ErrUnavailable
		}
		return d.Release(ctx, req)
	}
	lock := e.lock(t, e.clientOf(t, f, nil), name)
	unlock(t, lock)
	e.isFree(t, e.look, name)
}

// Clients that time out while the replies of their grants are on the way leave the
// lock free.
func grantedTooLate(t *testing.T, e *env) {
	name, ttl := e.name("stock:42"), e.ttl(200*time.Millisecond)
	f := &faulty{Driver: e.open(t)}
	tries := 0
	f.acquire = func(ctx context.Context, d driver.Driver, req driver.Request) (driver.Lease, error) {
		lease, err := d.Acquire(ctx, req)
		if tries++; tries == 1 && err == nil {
			work(ctx, time.Until(lease.Until))
		}
		return lease, err
	}
	lock, err := e.clientOf(t, f, nil).Lock(t.Context(), name, pawl.TTL(ttl))
	switch {
	case errors.Is(err, pawl.ErrUnavailable):
		t.Skip("the machine is too busy for a TTL of", ttl)
	case err != nil:
		t.Fatal(err)
	case tries < 2:
		t.Error("a grant whose trust was over was not asked for again")
	}
	if err := lock.Unlock(); err != nil && !errors.Is(err, pawl.ErrLost) {
		t.Error(err)
	}
}
