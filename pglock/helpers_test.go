package pglock_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// client returns a client of url that is closed at the end of the test.
func client(tb testing.TB, url string, opts *pawl.Options) *pawl.Client {
	tb.Helper()
	d, err := open(tb.Context(), url)
	must(tb, err)
	c, err := pawl.New(d, opts)
	must(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx) // a lock that was lost is waited for
	})
	return c
}

func mustLock(tb testing.TB, c *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	tb.Helper()
	lock, err := c.Lock(tb.Context(), name, opts...)
	must(tb, err)
	return lock
}

// eventually waits until ok returns true.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within 20 s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func waiters(tb testing.TB, c *pawl.Client, name string, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprint(n, " waiters"), func() bool {
		info, err := c.Inspect(tb.Context(), name)
		return err == nil && len(info.Waiters) == n
	})
}

// quick does something under a lock and gives it back.
func quick(ctx context.Context, c *pawl.Client, name string) error {
	return c.Do(ctx, name, func(context.Context, *pawl.Lock) error { return nil })
}

// pawlShared is pawl.Shared as an option.
var pawlShared = pawl.Shared()
