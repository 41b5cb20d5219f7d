package pawl_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/memlock"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		os.Exit(m.Run()) // benchmarks leave their clients open
	}
	goleak.VerifyTestMain(m)
}

// The times of a lease with the default TTL on memlock, from its grant.
const (
	ttl     = pawl.DefaultTTL
	trusted = ttl - ttl/100 - 2*time.Millisecond
	renewal = trusted / 3
	// tick tells just before from just after.
	tick = time.Millisecond
)

// world is a store and its clients, under the fake time of a synctest bubble.
type world struct {
	t     *testing.T
	store *memlock.Store
}

// bubble runs fn in a world, and checks afterwards that its clients have left
// nothing behind.
func bubble(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	bubbleOnce(t, fn)
}

// bubbleOnce is bubble for a test that makes several worlds.
func bubbleOnce(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t, memlock.NewStore()}
		t.Cleanup(func() {
			time.Sleep(time.Hour) // what is still held then has been orphaned
			if inUse := w.list(""); len(inUse) > 0 {
				t.Errorf("left in the store: %+v", inUse)
			}
		})
		fn(t, w)
	})
}

// client returns a client that the end of the test closes.
func (w *world) client(opts *pawl.Options) *pawl.Client {
	return w.clientOf(w.store.Driver(), opts)
}

// faulty returns a client of a driver into which faults can be injected.
func (w *world) faulty(opts *pawl.Options) (*pawl.Client, *faults) {
	f := newFaults(w.t, w.store.Driver())
	return w.clientOf(f, opts), f
}

func (w *world) clientOf(d driver.Driver, opts *pawl.Options) *pawl.Client {
	w.t.Helper()
	client, err := pawl.New(d, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		time.Sleep(time.Hour) // clean-up has ended by then
		if inUse := client.InUse(); inUse != "" {
			w.t.Errorf("left in the client before Close: %s", inUse)
		}
		if err := client.Close(context.Background()); err != nil && !errors.Is(err, pawl.ErrClosed) {
			w.t.Errorf("Close: %v", err)
		}
		if inUse := client.InUse(); inUse != "" {
			w.t.Errorf("left in the client: %s", inUse)
		}
	})
	return client
}

// inspect returns the state of name in the store.
func (w *world) inspect(name string) driver.State {
	state, err := w.store.Driver().(driver.Inspector).Inspect(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

func (w *world) list(prefix string) []driver.State {
	states, err := w.store.Driver().(driver.Inspector).List(context.Background(), prefix)
	if err != nil {
		w.t.Fatal(err)
	}
	return states
}

// free fails the test when anybody holds name or waits for it.
func (w *world) free(name string) {
	w.t.Helper()
	if state := w.inspect(name); len(state.Holders)+len(state.Waiters) > 0 {
		w.t.Errorf("%s is in use: %+v", name, state)
	}
}

func mustLock(t *testing.T, c *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	t.Helper()
	return mustLockCtx(t, t.Context(), c, name, opts...)
}

func mustLockCtx(t *testing.T, ctx context.Context, c *pawl.Client, name string, opts ...pawl.LockOption) *pawl.Lock {
	t.Helper()
	lock, err := c.Lock(ctx, name, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func mustUnlock(t *testing.T, locks ...interface{ Unlock() error }) {
	t.Helper()
	for _, lock := range locks {
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	}
}

// wantErr fails the test unless err matches target and says name once, as an error of
// this package does.
func wantErr(t *testing.T, err, target error, name string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got error %v, want %v", err, target)
	} else if n := strings.Count(err.Error(), `"`+name+`"`); n != 1 || strings.Count(err.Error(), "pawl: ") != 1 {
		t.Errorf("%q names the lock %d times, want the operation and the lock once", err, n)
	}
}

// pending is a Lock that is under way in a goroutine of its own.
type pending struct {
	done chan struct{}
	at   time.Time // when it was done
	lock *pawl.Lock
	err  error
}

func lockAsync(ctx context.Context, c *pawl.Client, name string, opts ...pawl.LockOption) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.lock, p.err = c.Lock(ctx, name, opts...)
		p.at = time.Now()
	}()
	return p
}

// queue starts n Locks one after the other, each in line before the next.
func queue(t *testing.T, n int, c *pawl.Client, name string, opts ...pawl.LockOption) []*pending {
	var all []*pending
	for range n {
		all = append(all, lockAsync(t.Context(), c, name, opts...))
		synctest.Wait()
	}
	return all
}

// isDone reports whether p is done when everything that can happen now has.
func (p *pending) isDone() bool {
	synctest.Wait()
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits until p is done. Leases are renewed for ever, so without a bound a lost
// wake-up would hang the bubble.
func (p *pending) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(10 * time.Minute):
		t.Fatal("Lock does not return")
	}
}

// got waits for the lock.
func (p *pending) got(t *testing.T) *pawl.Lock {
	t.Helper()
	p.wait(t)
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.lock
}

// ended waits until ctx has ended because of cause, and returns when, from start.
func ended(t *testing.T, ctx context.Context, start time.Time, cause error) time.Duration {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Minute):
		t.Fatal("the context does not end")
	}
	if got := context.Cause(ctx); !errors.Is(got, cause) {
		t.Errorf("context ended because of %v, want %v", got, cause)
	}
	return time.Since(start)
}

func wantDuration(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got != want {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}
