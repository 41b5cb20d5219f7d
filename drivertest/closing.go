package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// After Close every call is ErrClosed, and what was held is left to run out.
func driverClose(t *testing.T, e *env) {
	name, ttl := e.name("stock:42"), e.ttl(1500*time.Millisecond)
	d, ctx := e.open(t), t.Context()
	lease := e.acquire(t, d, e.request(name, living(ttl)))
	if err := d.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if time.Now().Before(lease.Until.Add(-ttl / 2)) { // or the machine is too busy to tell
		e.isHeld(t, e.look, name)
	}
	for what, change := range map[string]func(*driver.Request){"Acquire": func(*driver.Request) {}, "Acquire without waiting": noWait} {
		_, err := d.Acquire(ctx, e.request(name, change))
		wantErr(t, what, err, driver.ErrClosed)
	}
	wantErr(t, "Renew", renew(t, d, lease).Err, driver.ErrClosed)
	wantErr(t, "Release", d.Release(ctx, lease.Request), driver.ErrClosed)
	if inspector, ok := d.(driver.Inspector); ok {
		_, err := inspector.Inspect(ctx, name)
		wantErr(t, "Inspect", err, driver.ErrClosed)
		_, err = inspector.List(ctx, e.prefix)
		wantErr(t, "List", err, driver.ErrClosed)
	}
	if breaker, ok := d.(driver.Breaker); ok {
		wantErr(t, "Break", breaker.Break(ctx, name), driver.ErrClosed)
		wantErr(t, "Force", breaker.Force(ctx, name), driver.ErrClosed)
	}
	if got := d.Traits().Backend; got != e.traits.Backend {
		t.Errorf("Traits after Close are of %q, want %q", got, e.traits.Backend)
	}
	e.release(t, e.look, lease.Request) // by the holder id, from another client
	e.isFree(t, e.look, name)
}

// An Acquire that waits ends with ErrClosed at Close.
func driverCloseWakes(t *testing.T, e *env) {
	name, d := e.name("stock:42"), e.open(t)
	first := e.acquire(t, e.look, e.request(name))
	waiter := e.start(t, d, e.request(name))
	e.inLine(t, name, waiter)
	if err := d.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	wantErr(t, "Acquire", waiter.end(t), driver.ErrClosed)
	e.release(t, e.look, waiter.req)
	e.release(t, e.look, first.Request)
	e.isFree(t, e.look, name)
}

// Close of a client sends away who waits, ends the contexts of what is held, waits
// for it to be unlocked, and leaves nothing.
func clientClose(t *testing.T, e *env) {
	mine, others := e.name("mine"), e.name("others")
	client := e.client(t, nil)
	lock := e.lock(t, client, mine)
	held := e.acquire(t, e.look, e.request(others))
	waiters := map[string]*locking{
		"for another client": e.startLock(t, client, others),
		"apart":              e.startLock(t, client, others, pawl.Note("apart")),
		"for its own client": e.startLock(t, client, mine),
	}
	e.waiting(t, others, 2)

	closed := make(chan error, 1)
	go func() { closed <- client.Close(context.Background()) }()
	for what, w := range waiters {
		wantErr(t, "Lock, waiting "+what, w.end(t), pawl.ErrClosed)
	}
	await(t, "the end of the holder's context", lock.Context().Done())
	wantErr(t, "its cause", context.Cause(lock.Context()), pawl.ErrClosed)
	_, err := client.Lock(t.Context(), e.name("late"))
	wantErr(t, "Lock after Close", err, pawl.ErrClosed)
	e.isHeld(t, e.look, mine)
	select {
	case err := <-closed:
		t.Fatalf("Close ended while a lock was held: %v", err)
	default:
	}
	unlock(t, lock)
	if err := receive(t, "the end of Close", closed); err != nil {
		t.Errorf("Close: %v", err)
	}
	e.waiting(t, others, 0)
	e.isFree(t, e.look, mine)
	e.release(t, e.look, held.Request)
	wantErr(t, "Close again", client.Close(t.Context()), pawl.ErrClosed)
}

// Close does not wait longer than its context, and leaves what is held to run out.
func clientCloseGivesUp(t *testing.T, e *env) {
	name, ttl := e.name("stock:42"), e.ttl(600*time.Millisecond)
	e.abandons(ttl)
	client := e.client(t, nil)
	lock := e.lock(t, client, name, pawl.TTL(ttl))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "Close", client.Close(ctx), context.Canceled)
	if err := lock.Unlock(); err == nil {
		t.Error("Unlock after Close gave up: nil, and it cannot have reached the backend")
	}
	next := e.start(t, e.look, e.request(name))
	next.wait(t)
	if next.at.Before(lock.Until()) {
		t.Errorf("somebody else was let in %v before the trust deadline", lock.Until().Sub(next.at))
	}
	e.release(t, e.look, next.req)
}

type contextKey struct{}

// The driver sees the values and the deadline of the caller's context, so that
// traces and credentials reach it.
func contextReaches(t *testing.T, e *env) {
	name := e.name("stock:42")
	f := &faulty{Driver: e.open(t)}
	seen := make(chan context.Context, 8)
	f.acquire = func(ctx context.Context, d driver.Driver, req driver.Request) (driver.Lease, error) {
		seen <- ctx
		return d.Acquire(ctx, req)
	}
	client := e.clientOf(t, f, nil)
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "the value"), time.Hour)
	defer cancel()
	lock, err := client.Lock(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, "a call of the driver", seen)
	if value := got.Value(contextKey{}); value != "the value" {
		t.Errorf("the driver sees the value %v", value)
	}
	want, _ := ctx.Deadline()
	if deadline, ok := got.Deadline(); !ok || deadline.After(want) {
		t.Errorf("the driver sees the deadline %v, want %v", deadline, want)
	}
	if value := lock.Context().Value(contextKey{}); value != "the value" {
		t.Errorf("the lock's context has the value %v", value)
	}
	unlock(t, lock)

	held := e.acquire(t, e.look, e.request(name))
	waiter := make(chan error, 1)
	go func() {
		lock, err := client.Lock(ctx, name)
		if err == nil {
			err = lock.Unlock()
		}
		waiter <- err
	}()
	for range 2 { // without waiting first, and then in line
		got = receive(t, "a call of the driver", seen)
		if value := got.Value(contextKey{}); value != "the value" {
			t.Errorf("while it waits the driver sees the value %v", value)
		}
	}
	e.release(t, e.look, held.Request)
	if err := receive(t, "the end of a Lock", waiter); err != nil {
		t.Error(err)
	}
}

// A lock's context ends with the one that it was taken with, and that alone gives
// nothing back.
func contextEndIsNoRelease(t *testing.T, e *env) {
	name := e.name("stock:42")
	ctx, cancel := context.WithCancel(t.Context())
	lock, err := e.client(t, nil).Lock(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	await(t, "the end of the lock's context", lock.Context().Done())
	e.isHeld(t, e.look, name)
	unlock(t, lock)
	e.isFree(t, e.look, name)
}
