package drivertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Shared holders hold together, each under a token of its own.
func sharedTogether(t *testing.T, e *env) {
	name := e.name("catalogue")
	a, b := e.open(t), e.open(t)
	first := e.acquire(t, a, e.request(name, asShared))
	second := e.acquire(t, b, e.request(name, asShared))
	third := e.acquire(t, a, e.request(name, asShared, noWait))
	if first.Token >= second.Token || second.Token >= third.Token {
		t.Errorf("tokens %d, %d and %d do not rise", first.Token, second.Token, third.Token)
	}
	one, two := e.lock(t, e.client(t, nil), name, pawl.Shared()), e.lock(t, e.client(t, nil), name, pawl.Shared())
	unlock(t, one)
	unlock(t, two)
	for _, lease := range []driver.Lease{first, second, third} {
		e.isHeld(t, a, name)
		e.release(t, a, lease.Request)
	}
	e.isFree(t, a, name)
}

// A shared holder keeps exclusive ones out, and the other way round.
func sharedExcludes(t *testing.T, e *env) {
	name := e.name("catalogue")
	a, b := e.open(t), e.open(t)
	for _, modes := range [][2]func(*driver.Request){
		{asShared, func(*driver.Request) {}},
		{func(*driver.Request) {}, asShared},
	} {
		first := e.acquire(t, a, e.request(name, modes[0]))
		_, err := b.Acquire(t.Context(), e.request(name, modes[1], noWait))
		wantErr(t, "Acquire in the other mode without waiting", err, driver.ErrHeld)
		next := e.start(t, b, e.request(name, modes[1]))
		e.inLine(t, name, next)
		e.release(t, a, first.Request)
		lease := next.wait(t)
		e.heldBy(t, name, lease)
		if lease.Token <= first.Token {
			t.Errorf("token %d after %d", lease.Token, first.Token)
		}
		e.release(t, b, lease.Request)
	}
	e.isFree(t, a, name)
}

// One release lets in all the readers at the head of the line, and not the writer
// behind them.
func sharedBatch(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		writer := e.acquire(t, d, e.request(name))
		readers := []*pending{}
		for range 3 {
			readers = append(readers, e.start(t, e.open(t), e.request(name, asShared)))
			e.inLine(t, name, readers...)
		}
		last := e.start(t, e.open(t), e.request(name))
		e.inLine(t, name, append(readers, last)...)
		e.release(t, d, writer.Request)
		late := e.together(t, name, readers, last)
		e.drain(t, d, append(readers, last)...)
		return late
	})
}

// together waits until all readers hold name, and not the one behind them. It does not
// look at the name before: that makes some engines see to it. A reader kept from
// running may lose its turn; that is an error and no failure.
func (e *env) together(t *testing.T, name string, readers []*pending, last *pending) error {
	t.Helper()
	tooLate := time.After(e.handoff() + e.late() + time.Millisecond)
	var all []driver.Lease
	for _, r := range readers {
		select {
		case <-r.done:
			all = append(all, r.wait(t))
		case <-last.done:
			return errors.New("the writer was granted while a reader before it still waited")
		case <-tooLate:
			return fmt.Errorf("%d of %d readers hold the lock", len(all), len(readers))
		}
	}
	if last.over() {
		return errors.New("the writer was granted while the readers before it held the lock")
	}
	e.heldBy(t, name, all...)
	return nil
}

// A newcomer does not join the readers that hold the lock while a writer waits.
func sharedNoPassing(t *testing.T, e *env) {
	name := e.name("catalogue")
	d := e.open(t)
	reader := e.acquire(t, d, e.request(name, asShared))
	writer := e.start(t, e.open(t), e.request(name))
	e.inLine(t, name, writer)
	_, err := d.Acquire(t.Context(), e.request(name, asShared, noWait))
	wantErr(t, "Acquire of a reader while a writer waits", err, driver.ErrHeld)
	late := e.start(t, e.open(t), e.request(name, asShared))
	e.inLine(t, name, writer, late)
	e.release(t, d, reader.Request)
	e.drain(t, d, writer, late)
}

// A writer gets its turn although readers of several clients never leave the lock
// free.
func sharedWriterNotStarved(t *testing.T, e *env) {
	name := e.name("catalogue")
	const clients = 2
	stop, running := make(chan struct{}), make(chan struct{}, clients*3)
	ended := make(chan error, clients*3)
	for range clients {
		client := e.client(t, nil)
		for range 3 {
			go func() { ended <- readOn(t, client, name, stop, running) }()
		}
	}
	for range clients * 3 {
		receive(t, "a shared lock that is to be had", running)
	}
	start := time.Now()
	lock, err := e.client(t, nil).Lock(t.Context(), name, pawl.Wait(patience))
	took := time.Since(start)
	close(stop)
	if err != nil {
		t.Errorf("the writer, after %v: %v", took, err)
	} else {
		unlock(t, lock)
	}
	for range clients * 3 {
		if err := receive(t, "the end of a reader", ended); err != nil {
			t.Error(err)
		}
	}
}

// readOn holds a shared lock again and again, each time for longer than the pause
// between, and says when it holds the first.
func readOn(t *testing.T, client *pawl.Client, name string, stop, running chan struct{}) error {
	for first := true; ; first = false {
		lock, err := client.Lock(t.Context(), name, pawl.Shared())
		if err != nil {
			return err
		}
		if first {
			running <- struct{}{}
		}
		work(t.Context(), 15*time.Millisecond)
		if err := lock.Unlock(); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// A driver without shared locks says so and grants nothing.
func sharedUnsupported(t *testing.T, e *env) {
	_, err := e.client(t, nil).Lock(t.Context(), e.name("catalogue"), pawl.Shared())
	wantErr(t, "Lock with Shared", err, pawl.ErrUnsupported)
	req := e.request(e.name("catalogue"), asShared)
	_, err = e.open(t).Acquire(t.Context(), req)
	wantErr(t, "Acquire of a shared lease", err, driver.ErrUnsupported)
}
