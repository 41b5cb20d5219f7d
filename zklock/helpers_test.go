package zklock_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

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
