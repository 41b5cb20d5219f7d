package zklock_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// request asks d for name, changed by change.
func request(d driver.Driver, name string, change ...func(*driver.Request)) driver.Request {
	req := driver.Request{Name: name, Holder: rand.Text(), Owner: "test", TTL: d.Traits().FixedTTL}
	for _, c := range change {
		c(&req)
	}
	return req
}

func noWait(req *driver.Request) { req.NoWait = true }

func acquire(tb testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	tb.Helper()
	lease, err := d.Acquire(tb.Context(), req)
	must(tb, err)
	return lease
}

func wantErr(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: %v, want %v", what, err, want)
	}
}

// pending is an Acquire under way.
type pending struct {
	done  chan struct{} // closed when the rest is set
	lease driver.Lease
	err   error
}

func start(tb testing.TB, d driver.Driver, req driver.Request) *pending {
	tb.Helper()
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.lease, p.err = d.Acquire(tb.Context(), req)
	}()
	return p
}

func (p *pending) wait(tb testing.TB) driver.Lease {
	tb.Helper()
	await(tb, "the end of an Acquire", p.done)
	must(tb, p.err)
	return p.lease
}

const patience = 30 * time.Second

func await(tb testing.TB, what string, done <-chan struct{}) {
	tb.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		tb.Fatalf("%s: not within %v", what, patience)
	}
}

// eventually waits until ok returns true.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// client returns a client of url that is closed at the end of the test.
func client(tb testing.TB, url string, opts *pawl.Options) *pawl.Client {
	tb.Helper()
	d, err := open(tb.Context(), url)
	must(tb, err)
	c, err := pawl.New(d, opts)
	must(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = c.Close(ctx) // the test may have closed it
	})
	return c
}

func mustLock(tb testing.TB, c *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	tb.Helper()
	lock, err := c.Lock(tb.Context(), name, opts...)
	must(tb, err)
	return lock
}
