package drivertest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// A goroutine that gives up does not cost the others of its client their place in
// the backend's line.
func shortWaitKeepsPlace(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		first := e.acquire(t, d, e.request(name))
		client := e.client(t, nil)
		short := e.startLock(t, client, name, pawl.Wait(300*time.Millisecond))
		e.eventually(t, name, "somebody in line", func(state driver.State) bool { return len(state.Waiters) == 1 || short.over() })
		state := e.state(t, name)
		patient := e.startLock(t, client, name)
		e.waiting(t, name, 1)
		behind := e.start(t, e.open(t), e.request(name))
		e.waiting(t, name, 2)
		late := error(nil)
		if short.over() || len(state.Waiters) != 1 {
			late = errors.New("the short wait was over before anybody else stood in line")
		}
		if err := short.end(t); !errors.Is(err, pawl.ErrHeld) {
			t.Fatalf("Lock at the end of its short Wait: %v, want %v", err, pawl.ErrHeld)
		}
		if late == nil {
			place := state.Waiters[0].Holder
			if ids := waiterIDs(e.state(t, name)); len(ids) != 2 || ids[0] != place || ids[1] != behind.req.Holder {
				late = fmt.Errorf("the line is %v, want %s and then %s", ids, place, behind.req.Holder)
			}
		}
		e.release(t, d, first.Request)
		select {
		case <-patient.done:
		case <-behind.done: // the first in line was kept from running, or has lost its place
			late = errors.New("the one behind was granted first")
			e.release(t, d, behind.req)
		}
		unlock(t, patient.wait(t))
		e.release(t, d, behind.wait(t).Request)
		return late
	})
}

// A line of goroutines that each give up soon is never starved: the client keeps its
// place while they come and go.
func shortWaitsAreServed(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		name, d := e.name(newID()), e.open(t)
		sent := time.Now()
		first := e.acquire(t, d, e.request(name))
		// Time to ask, to stand in line and then to wait, on this engine as it is now.
		wait := min(max(60*time.Millisecond, 10*time.Since(sent)), time.Second)
		client := e.client(t, nil)
		tokens := make(chan uint64, 3)
		var impatient crew
		for i := range cap(tokens) {
			impatient.add(func() error {
				work(t.Context(), time.Duration(i)*wait/3) // so that one of them always waits
				for {
					lock, err := client.Lock(t.Context(), name, pawl.Wait(wait))
					switch {
					case err == nil:
						tokens <- lock.Token()
						return lock.Unlock()
					case !errors.Is(err, pawl.ErrHeld):
						return err
					}
				}
			})
		}
		e.waiting(t, name, 1)
		behind := e.start(t, e.open(t), e.request(name))
		e.eventually(t, name, "the last one in line", func(state driver.State) bool {
			return slices.Contains(waiterIDs(state), behind.req.Holder) // the others may all have left for a moment
		})
		work(t.Context(), 3*wait)
		e.release(t, d, first.Request)
		e.drain(t, d, behind)
		impatient.wait(t)
		if <-tokens > behind.lease.Token<<8 { // or all of them gave up at once, because they were kept from running
			return errors.New("the one behind was granted first")
		}
		return nil
	})
}

// Long critical sections of the goroutines of one client do not keep another client
// waiting for more than the one that is running: HandoffFor bounds the passing on in
// time.
func longSectionsTakeTurns(t *testing.T, e *env) {
	section := 40 * time.Millisecond // ample over HandoffFor
	if e.exact {
		section = 10 * time.Second
	}
	e.timely(t, func(t *testing.T) error {
		name := e.name(newID())
		greedy := e.client(t, nil)
		running := e.lock(t, greedy, name)
		var begun atomic.Int32 // sections of the greedy client after the one that is running
		var sections crew
		for range 2 {
			sections.add(func() error {
				lock, err := greedy.Lock(t.Context(), name)
				if err != nil {
					return err
				}
				begun.Add(1)
				work(t.Context(), section)
				return lock.Unlock()
			})
		}
		other := e.startLock(t, e.client(t, nil), name)
		e.waiting(t, name, 1) // the greedy client holds; it does not stand in line beside that
		work(t.Context(), section)
		unlock(t, running)
		lock := other.wait(t)
		before := begun.Load()
		unlock(t, lock)
		sections.wait(t)
		if before > 0 { // or the other was kept from running and has lost its turn
			return fmt.Errorf("%d sections of another client went before, besides the one that was running", before)
		}
		return nil
	})
}

// Short critical sections are passed on among the goroutines of one client, but not
// for longer than HandoffFor when others wait.
func shortSectionsTakeTurns(t *testing.T, e *env) {
	const handoffFor, section = 20 * time.Millisecond, time.Millisecond
	e.timely(t, func(t *testing.T) error {
		name := e.name(newID())
		greedy := e.client(t, &pawl.Options{HandoffFor: handoffFor})
		stop := make(chan struct{})
		running := make(chan struct{}, 3)
		var sections crew
		for range cap(running) {
			sections.add(func() error {
				for {
					select {
					case <-stop:
						return nil
					default:
					}
					lock, err := greedy.Lock(t.Context(), name)
					if err != nil {
						return err
					}
					select {
					case running <- struct{}{}:
					default:
					}
					work(t.Context(), section)
					if err := lock.Unlock(); err != nil {
						return err
					}
				}
			})
		}
		for range cap(running) {
			receive(t, "a lock that is to be had", running)
		}
		start := time.Now()
		lock := e.lock(t, e.client(t, nil), name)
		took := time.Since(start)
		close(stop)
		unlock(t, lock)
		sections.wait(t)
		return e.within("the wait for another client's turn to end", took, handoffFor+section+e.handoff())
	})
}

// Each local handoff has its own, higher token, and a lease of the driver has the
// highest bits of all of them.
func localTokensRise(t *testing.T, e *env) {
	name, client := e.name("stock:42"), e.client(t, nil)
	var mu sync.Mutex // by which the race detector does not mind what a broken lock does
	var inOrder []uint64
	inParallel(t, 8, func(int) error {
		for range 40 {
			lock, err := client.Lock(t.Context(), name)
			if err != nil {
				return err
			}
			mu.Lock()
			inOrder = append(inOrder, lock.Token())
			mu.Unlock()
			work(t.Context(), 50*time.Microsecond) // so that others come to wait
			if err := lock.Unlock(); err != nil {
				return err
			}
		}
		return nil
	})
	var tokens rising
	handoffs := 0
	for _, token := range inOrder {
		tokens.next(t, "a handoff", token)
		if token&0xff > 0 {
			handoffs++
		}
	}
	if handoffs == 0 {
		t.Error("no lease was handed on")
	}
	d := e.open(t)
	lease := e.acquire(t, d, e.request(name))
	tokens.next(t, "another client", lease.Token<<8)
	e.release(t, d, lease.Request)
}
