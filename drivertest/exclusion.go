package drivertest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/history"
)

// clock returns the clock for the history of a case in one process.
func (e *env) clock() history.Clock {
	if e.exact {
		return history.Local() // the bubble's time
	}
	return history.Host()
}

// record returns a recorder, and the path of its file, for one case.
func (e *env) record(t testing.TB) (*history.Recorder, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	recorder, err := history.Open(path, e.clock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	return recorder, path
}

// checkHistory checks the history at path, which must have at least holds holds.
func checkHistory(t testing.TB, path string, holds int) {
	t.Helper()
	events, err := history.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	acquired := 0
	for _, e := range events {
		if e.Kind == history.Acquired {
			acquired++
		}
	}
	if acquired < holds {
		t.Errorf("%d holds recorded, want %d", acquired, holds)
	}
	violations := history.Check(events)
	for _, v := range violations[:min(len(violations), 5)] {
		t.Error(v)
	}
	if more := len(violations) - 5; more > 0 {
		t.Errorf("and %d violations more", more)
	}
}

// A load takes and gives back one lock again and again, and records it.
type load struct {
	Name   string        `json:"name"`
	Shared bool          `json:"shared,omitempty"`
	Slots  int           `json:"slots,omitempty"`
	TTL    time.Duration `json:"ttl"`
	Hold   time.Duration `json:"hold,omitempty"` // how long each time; 0 for no longer than it takes to record
	Times  int           `json:"times"`
}

// byClient runs l through a client.
func (l load) byClient(ctx context.Context, client *pawl.Client, recorder *history.Recorder) error {
	opts := []pawl.LockOption{pawl.TTL(l.TTL)}
	switch {
	case l.Slots > 0:
		opts = append(opts, pawl.Slots(l.Slots))
	case l.Shared:
		opts = append(opts, pawl.Shared())
	}
	for range l.Times {
		asked := recorder.Clock()()
		if l.Shared {
			asked = 0 // it may join a lease that is older than another client's
		}
		lock, err := client.Lock(ctx, l.Name, opts...)
		if err != nil {
			return err
		}
		err = l.hold(recorder, asked, lock)
		unlockErr := lock.Unlock()
		if err := errors.Join(err, unlockErr); err != nil && !errors.Is(unlockErr, pawl.ErrLost) {
			return err
		}
	}
	return nil
}

// hold records one hold of lock.
func (l load) hold(recorder *history.Recorder, asked time.Duration, lock *pawl.Lock) error {
	clock := recorder.Clock()
	event := l.event(asked, lock.Token())
	event.Kind, event.Until = history.Acquired, clock.At(lock.Until())
	if err := recorder.Record(event); err != nil {
		return err
	}
	if l.Hold > 0 {
		work(lock.Context(), l.Hold)
	}
	event.Kind, event.Time, event.Until = history.Released, 0, clock.At(lock.Until())
	return recorder.Record(event)
}

// byDriver runs l through a bare driver.
func (l load) byDriver(ctx context.Context, d driver.Driver, recorder *history.Recorder) error {
	clock := recorder.Clock()
	for range l.Times {
		req := driver.Request{Name: l.Name, Holder: newID(), Owner: "drivertest", TTL: l.TTL, Slots: l.Slots}
		if l.Shared {
			req.Mode = driver.Shared
		}
		asked := clock()
		lease, err := d.Acquire(ctx, req)
		if err != nil {
			return err
		}
		event := l.event(asked, lease.Token<<8) // as a client would show it
		event.Kind, event.Until = history.Acquired, clock.At(lease.Until)
		err = recorder.Record(event)
		if l.Hold > 0 {
			work(ctx, l.Hold)
		}
		event.Kind, event.Time = history.Released, 0
		if err := errors.Join(err, recorder.Record(event), d.Release(ctx, req)); err != nil {
			return err
		}
	}
	return nil
}

func (l load) event(asked time.Duration, token uint64) history.Event {
	return history.Event{Name: l.Name, Hold: newID(), Asked: asked, Token: token, Shared: l.Shared, Slots: l.Slots}
}

// crew is goroutines that work for a case. Their errors are reported by wait, so that
// none of them touches a case that has failed and ended without it.
type crew struct {
	group sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

func (c *crew) add(do func() error) {
	c.group.Go(func() {
		if err := do(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.errs = append(c.errs, err)
		}
	})
}

// wait waits for all of c and reports their errors.
func (c *crew) wait(t testing.TB) {
	t.Helper()
	done := make(chan struct{})
	go func() { c.group.Wait(); close(done) }()
	await(t, "the end of all goroutines", done)
	for _, err := range c.errs {
		t.Error(err)
	}
}

// inParallel runs each in n goroutines and reports their errors.
func inParallel(t testing.TB, n int, each func(i int) error) {
	t.Helper()
	var c crew
	for i := range n {
		c.add(func() error { return each(i) })
	}
	c.wait(t)
}

// Many goroutines of one client hold one after the other.
func exclusionGoroutines(t *testing.T, e *env) {
	recorder, path := e.record(t)
	client := e.client(t, nil)
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: 20, Hold: 50 * time.Microsecond}
	inParallel(t, 16, func(int) error { return l.byClient(t.Context(), client, recorder) })
	checkHistory(t, path, 16*20)
}

// So do the goroutines of many clients.
func exclusionClients(t *testing.T, e *env) {
	recorder, path := e.record(t)
	const clients, each, times = 4, 4, 8
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: times, Hold: 500 * time.Microsecond}
	var of []*pawl.Client
	for range clients {
		of = append(of, e.client(t, nil))
	}
	inParallel(t, clients*each, func(i int) error { return l.byClient(t.Context(), of[i%clients], recorder) })
	checkHistory(t, path, clients*each*times)
}

// The driver keeps exclusion by itself, without a client's local line.
func exclusionDriver(t *testing.T, e *env) {
	recorder, path := e.record(t)
	const drivers, each, times = 4, 3, 8
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: times, Hold: 500 * time.Microsecond}
	var of []driver.Driver
	for range drivers {
		of = append(of, e.open(t))
	}
	inParallel(t, drivers*each, func(i int) error { return l.byDriver(t.Context(), of[i%drivers], recorder) })
	checkHistory(t, path, drivers*each*times)
}

// Readers and writers, driver and clients, all mixed on one name.
func exclusionMixed(t *testing.T, e *env) {
	recorder, path := e.record(t)
	const each, times = 4, 8
	l := load{Name: e.name("catalogue"), TTL: e.ttl(ample), Times: times, Hold: time.Millisecond}
	d, client := e.open(t), e.client(t, nil)
	inParallel(t, 4*each, func(i int) error {
		l := l
		l.Shared = i%4 > 0
		if i%2 == 0 {
			return l.byDriver(t.Context(), d, recorder)
		}
		return l.byClient(t.Context(), client, recorder)
	})
	checkHistory(t, path, 4*each*times)
}
