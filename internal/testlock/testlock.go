// Package testlock opens drivers and clients for the tests of the packages that have
// them, and waits for what those tests want to see.
package testlock

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Opener opens the driver of one package.
type Opener func(ctx context.Context, u *url.URL) (driver.Driver, error)

// URL opens the driver that rawURL names, as drivertest.Main wants it.
func (o Opener) URL(ctx context.Context, rawURL string) (driver.Driver, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return o(ctx, u)
}

// Driver is URL for a driver that is closed at the end of the test.
func (o Opener) Driver(tb testing.TB, rawURL string) driver.Driver {
	tb.Helper()
	d, err := o.URL(tb.Context(), rawURL)
	Must(tb, err)
	tb.Cleanup(func() { _ = d.Close() }) // the test may have closed it
	return d
}

// Client returns a client of rawURL that is closed at the end of the test.
func (o Opener) Client(tb testing.TB, rawURL string, opts *pawl.Options) *pawl.Client {
	tb.Helper()
	d, err := o.URL(tb.Context(), rawURL)
	Must(tb, err)
	c, err := pawl.New(d, opts)
	Must(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx) // a lock that the server has forgotten is waited for
	})
	return c
}

// Lock locks name.
func Lock(tb testing.TB, c *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	tb.Helper()
	lock, err := c.Lock(tb.Context(), name, opts...)
	Must(tb, err)
	return lock
}

// Waiters waits until n are in the line of name.
func Waiters(tb testing.TB, c *pawl.Client, name string, n int) {
	tb.Helper()
	Eventually(tb, fmt.Sprint(n, " waiters"), func() bool {
		info, err := c.Inspect(tb.Context(), name)
		return err == nil && len(info.Waiters) == n
	})
}

// Eventually waits until ok returns true, for as long as the busiest machine may need.
func Eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within a minute", what)
		}
	}
}

// Must ends the test with err unless that is nil.
func Must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
