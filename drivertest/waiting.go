package drivertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Whoever does not want to wait is told who holds the lock, and leaves nothing.
func tryHeld(t *testing.T, e *env) {
	name := e.name("stock:42")
	lock := e.lock(t, e.client(t, &pawl.Options{Owner: "the holder"}), name)

	_, err := e.client(t, nil).TryLock(t.Context(), name)
	var held *pawl.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("TryLock: %v, want a *pawl.HeldError", err)
	}
	if held.Name != name || held.Owner != "" && held.Owner != "the holder" {
		t.Errorf("TryLock says that %q is held by %q", held.Name, held.Owner)
	}

	d := e.open(t)
	_, err = d.Acquire(t.Context(), e.request(name, noWait))
	var bare *driver.HeldError
	if !errors.As(err, &bare) {
		t.Fatalf("Acquire with NoWait: %v, want a *driver.HeldError", err)
	}
	if bare.Owner != held.Owner {
		t.Errorf("Acquire says that it is held by %q, and TryLock by %q", bare.Owner, held.Owner)
	}
	unlock(t, lock)
	e.isFree(t, d, name)
}

// Wait bounds the waiting, and its end leaves nothing in line.
func waitTimeout(t *testing.T, e *env) {
	name, wait := e.name("stock:42"), 50*time.Millisecond
	lock := e.lock(t, e.client(t, nil), name)
	client := e.client(t, nil)
	for what, opts := range map[string][]pawl.LockOption{"in the local line": nil, "on its own": {pawl.Note("apart")}} {
		start := time.Now()
		_, err := client.Lock(t.Context(), name, append(opts, pawl.Wait(wait))...)
		mustErr(t, "Lock at the end of Wait, "+what, err, pawl.ErrHeld)
		if took := time.Since(start); took < wait {
			t.Errorf("%s: gave up after %v, want %v", what, took, wait)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v matches context.DeadlineExceeded, and no context ended", what, err)
		}
	}
	// A request that was on its way when Wait ended may stand in line, or be granted, until
	// the client has cleaned up after it, which Close waits for.
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.look.(driver.Inspector); ok {
		e.waiting(t, name, 0)
	}
	unlock(t, lock)
	e.isFree(t, e.look, name)
}

// Who waits gets the lock when it is released.
func waitGranted(t *testing.T, e *env) {
	name := e.name("stock:42")
	lock := e.lock(t, e.client(t, nil), name)
	waiter := e.startLock(t, e.client(t, nil), name)
	e.waiting(t, name, 1)
	unlock(t, lock)
	next := waiter.wait(t)
	if next.Token() <= lock.Token() {
		t.Errorf("token %d after %d", next.Token(), lock.Token())
	}
	unlock(t, next)
	e.isFree(t, e.look, name)
}

// A release lets the next in line in long before anything runs out: at once where the
// engine wakes who waits, and otherwise in less time than it takes to be passed over.
func waitHandoff(t *testing.T, e *env) {
	a, b := e.open(t), e.open(t)
	name := e.name("stock:42")
	e.timely(t, func(t *testing.T) error {
		first := e.acquire(t, a, e.request(name))
		next := e.start(t, b, e.request(name))
		e.inLine(t, name, next)
		freed := time.Now()
		e.release(t, a, first.Request)
		next.wait(t)
		e.release(t, b, next.req)
		return e.within("the handoff", next.at.Sub(freed), e.handoff())
	})
}

// handoff is how long a handoff may take.
func (e *env) handoff() time.Duration {
	if e.traits.Wakes {
		return e.traits.Precision
	}
	return e.traits.Precision + e.traits.ClaimWindow
}

// The end of the context ends the waiting, with its error and cause, and leaves
// nothing behind.
func waitCancelled(t *testing.T, e *env) {
	name := e.name("stock:42")
	lock := e.lock(t, e.client(t, nil), name)
	client, bored := e.client(t, nil), errors.New("bored")
	for what, opts := range map[string][]pawl.LockOption{"in the local line": nil, "on its own": {pawl.Note("apart")}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := client.Lock(ctx, name, opts...)
			ended <- err
		}()
		e.waiting(t, name, 1)
		cancel(bored)
		err := receive(t, "the end of a Lock", ended)
		wantErr(t, "Lock after its context ended, "+what, err, context.Canceled)
		wantErr(t, "Lock after its context ended, "+what, err, bored)
		e.waiting(t, name, 0)
	}
	unlock(t, lock)
	e.isFree(t, e.look, name)
}

// A driver's Acquire ends soon after its context, also at a deadline, and Release
// takes what is left of it out of the line.
func waitDriverDeadline(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	first := e.acquire(t, d, e.request(name))
	e.timely(t, func(t *testing.T) error {
		req, wait := e.request(name), 100*time.Millisecond
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		_, err := d.Acquire(ctx, req)
		took := time.Since(start)
		wantErr(t, "Acquire at its deadline", err, context.DeadlineExceeded)
		if took < wait {
			t.Errorf("Acquire ended after %v, before its deadline in %v: %v", took, wait, err)
		}
		e.release(t, d, req)
		return e.within("Acquire", took, wait+e.traits.Precision)
	})
	if _, ok := e.look.(driver.Inspector); ok {
		e.waiting(t, name, 0)
	}
	e.release(t, d, first.Request)
	e.isFree(t, d, name)
}

// A context that is over before the call grants nothing.
func waitEndedBefore(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := e.request(name)
	lease, err := d.Acquire(ctx, req)
	wantErr(t, "Acquire", err, context.Canceled)
	if err == nil {
		t.Errorf("it granted %+v", lease)
	}
	_, err = e.client(t, nil).Lock(ctx, name)
	wantErr(t, "Lock", err, context.Canceled)
	e.release(t, d, req)
	e.isFree(t, d, name)
}

// Waiters are granted in the order of their requests.
func fifo(t *testing.T, e *env) {
	const waiters = 6
	e.timely(t, func(t *testing.T) error {
		name := e.name(newID())
		first := e.acquire(t, e.look, e.request(name))
		var line []*pending
		for range waiters {
			line = append(line, e.start(t, e.open(t), e.request(name)))
			e.inLine(t, name, line...)
		}
		e.release(t, e.look, first.Request)
		e.drain(t, e.look, line...)
		var late error
		token := first.Token
		for _, p := range line {
			if p.lease.Token <= token { // somebody kept from running has lost its turn, or there is no order
				late = errors.New("a later request was granted before an earlier one")
			}
			token = p.lease.Token
		}
		return late
	})
}

// Whoever does not wait does not pass those that do.
func fifoNoPassing(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		first := e.acquire(t, d, e.request(name))
		next := e.start(t, e.open(t), e.request(name))
		e.inLine(t, name, next)
		for range 20 {
			e.isHeld(t, d, name)
		}
		e.release(t, d, first.Request)
		start := time.Now()
		for try := 0; try < 20 || !next.over(); try++ {
			if try > 20 {
				pause()
			}
			if time.Since(start) > patience {
				t.Fatalf("the next in line has not been granted within %v", patience)
			}
			req := e.request(name, noWait)
			_, err := d.Acquire(t.Context(), req)
			if err == nil { // or the next one was kept from running and has lost its turn
				e.release(t, d, req)
				e.drain(t, d, next)
				return errors.New("somebody who did not wait was granted before somebody in line")
			}
			mustErr(t, "Acquire without waiting", err, driver.ErrHeld)
		}
		e.release(t, d, next.wait(t).Request)
		e.isFree(t, d, name)
		return nil
	})
}

// A waiter that is cancelled in the middle of the line does not stall it.
func lineAcrossCancelled(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	first := e.acquire(t, d, e.request(name))
	var line []*pending
	for range 4 {
		line = append(line, e.start(t, e.open(t), e.request(name)))
		e.inLine(t, name, line...)
	}
	for _, i := range []int{0, 2} {
		line[i].cancel()
		wantErr(t, "Acquire after its context ended", line[i].end(t), context.Canceled)
		e.release(t, d, line[i].req)
	}
	e.inLine(t, name, line[1], line[3])
	e.release(t, d, first.Request)
	e.drain(t, d, line[1], line[3])
	e.isFree(t, d, name)
}

// Waiters that leave while the lock is being handed about leave no holder: the
// grant of one who has just left passes on, and in the end the lock is free.
func cancelStorm(t *testing.T, e *env) {
	const clients, each = 3, 8
	name := e.name("stock:42")
	var of []*pawl.Client
	for range clients {
		of = append(of, e.client(t, nil))
	}
	inParallel(t, clients*each, func(i int) error {
		for range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), rand.N(8*time.Millisecond))
			lock, err := of[i%clients].Lock(ctx, name)
			switch {
			case err == nil:
				err = lock.Unlock()
			case errors.Is(err, context.DeadlineExceeded):
				err = nil
			}
			cancel()
			if err != nil {
				return err
			}
		}
		return nil
	})
	start := time.Now()
	unlock(t, e.lock(t, e.client(t, nil), name))
	if took := time.Since(start); took > e.ttl(ample)/4 {
		t.Errorf("the lock was free only after %v: somebody who had left held it", took)
	}
}
