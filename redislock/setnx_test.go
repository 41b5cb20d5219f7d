package redislock_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

// request asks for name under a fresh holder id.
func request(name string, change ...func(*driver.Request)) driver.Request {
	req := driver.Request{Name: name, Holder: rand.Text(), Owner: "web-1", Note: "a note", TTL: 30 * time.Second}
	for _, c := range change {
		c(&req)
	}
	return req
}

func noWait(req *driver.Request) { req.NoWait = true }

func acquire(t testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	lease, err := d.Acquire(ctx, req)
	must(t, err)
	return lease
}

// watched is a driver of mode setnx that tells each script that it has run.
func watched(t *testing.T, server *testserver.Process) (driver.Driver, <-chan struct{}) {
	t.Helper()
	rdb := rawClient(t, server)
	ran := make(chan struct{}, 1000)
	rdb.AddHook(tellingHook{ran})
	d, err := redislock.NewSetNX(rdb, nil)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, ran
}

type tellingHook struct{ ran chan<- struct{} }

func (tellingHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (tellingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h tellingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") {
			h.ran <- struct{}{}
		}
		return err
	}
}

// The key is the name, the value is ours, and there is an expiry: what other programs
// look at.
func TestSetNXWireFormat(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	req := request("stock:42", func(req *driver.Request) { req.TTL = 1500*time.Millisecond + 1 })
	lease := acquire(t, d, req)
	value, err := rdb.Get(t.Context(), "stock:42").Result()
	must(t, err)
	if !strings.HasPrefix(value, "pawl:"+req.Holder+":") {
		t.Errorf("value %q, want the holder id in it", value)
	}
	left, err := rdb.PTTL(t.Context(), "stock:42").Result()
	must(t, err)
	if left > 1501*time.Millisecond || left < time.Until(lease.Until) {
		t.Errorf("expires in %v, want 1.501s, and no less than the %v for which it is trusted", left, time.Until(lease.Until))
	}
	must(t, d.Release(t.Context(), req))
	if keys, err := rdb.Keys(t.Context(), "*").Result(); err != nil || len(keys) != 0 {
		t.Errorf("a release left %q, %v", keys, err)
	}
}

// A mark for who was released before it arrived goes after one TTL.
func TestSetNXMarkExpires(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx&prefix=app:")
	req := request("stock:42")
	must(t, d.Release(t.Context(), req))
	mark := "{app:stock:42}:released:" + req.Holder
	if left, err := rdb.PTTL(t.Context(), mark).Result(); err != nil || left <= 0 || left > req.TTL {
		t.Errorf("the mark %q lives for %v, %v, want %v", mark, left, err, req.TTL)
	}
	_, err := d.Acquire(t.Context(), req)
	wantErr(t, "Acquire after its Release", err, driver.ErrLost)
	states, err := d.(driver.Inspector).List(t.Context(), "")
	if err != nil || len(states) != 0 {
		t.Errorf("List: %+v, %v, want nothing", states, err)
	}
}

func TestSetNXOtherTypesAreNotTouched(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	must(t, rdb.HSet(t.Context(), "a hash", "field", "value").Err())
	req := request("a hash")
	_, err := d.Acquire(t.Context(), req)
	wantErr(t, "Acquire", err, driver.ErrInvalidName)
	if err != nil && !strings.Contains(err.Error(), `"a hash" holds a hash`) {
		t.Errorf("Acquire: %v, want it to say what the key holds", err)
	}
	wantErr(t, "Renew", d.Renew(t.Context(), []driver.Lease{{Request: req}})[0].Err, driver.ErrLost)
	must(t, d.Release(t.Context(), req))
	_, err = d.(driver.Inspector).Inspect(t.Context(), "a hash")
	wantErr(t, "Inspect", err, driver.ErrInvalidName)
	wantErr(t, "Break", d.(driver.Breaker).Break(t.Context(), "a hash"), driver.ErrInvalidName)
	wantErr(t, "Force", d.(driver.Breaker).Force(t.Context(), "a hash"), driver.ErrInvalidName)
	got, err := rdb.HGetAll(t.Context(), "a hash").Result()
	if diff := cmp.Diff(map[string]string{"field": "value"}, got); err != nil || diff != "" {
		t.Errorf("the hash has changed: %v\n%s", err, diff)
	}
}

// A key without an expiry is a lock as well, but Break would lock it for ever.
func TestSetNXBreakNeedsAnExpiry(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	must(t, rdb.Set(t.Context(), "endless", "value", 0).Err())
	state, err := d.(driver.Inspector).Inspect(t.Context(), "endless")
	want := driver.State{Name: "endless", Holders: []driver.Holder{{Holder: "value"}}}
	if diff := cmp.Diff(want, state); err != nil || diff != "" {
		t.Errorf("Inspect: %v (-want +got)\n%s", err, diff)
	}
	wantErr(t, "Break", d.(driver.Breaker).Break(t.Context(), "endless"), driver.ErrUnsupported)
	must(t, d.(driver.Breaker).Force(t.Context(), "endless"))
	must(t, d.Release(t.Context(), acquire(t, d, request("endless", noWait)).Request))
}

func TestSetNXListNeedsAPrefix(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	_, err := d.(driver.Inspector).List(t.Context(), "")
	wantErr(t, "List of everything", err, driver.ErrUnsupported)

	ours := mustOpen(t, "redis://"+server.Addr+"?mode=setnx&prefix=locks:")
	acquire(t, d, request("elsewhere"))
	lease := acquire(t, ours, request("stock:42"))
	states, err := ours.(driver.Inspector).List(t.Context(), "")
	must(t, err)
	if len(states) != 1 || states[0].Name != "stock:42" || states[0].Holders[0].Token != lease.Token ||
		states[0].Holders[0].Owner != "web-1" || states[0].Holders[0].Note != "a note" {
		t.Errorf("List: %+v, want stock:42 of %+v", states, lease)
	}
}

// The cases of the suite that have to see who waits, with waiters of our own.
func TestSetNXWaiters(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for what, end := range map[string]func(t *testing.T, holder, waiter driver.Driver, held driver.Lease, cancel func()) error{
		"Release": func(t *testing.T, holder, _ driver.Driver, held driver.Lease, _ func()) error {
			return holder.Release(t.Context(), held.Request)
		},
		"Force": func(t *testing.T, holder, _ driver.Driver, held driver.Lease, _ func()) error {
			return holder.(driver.Breaker).Force(t.Context(), held.Name)
		},
		"Break and Release": func(t *testing.T, holder, _ driver.Driver, held driver.Lease, _ func()) error {
			return errors.Join(holder.(driver.Breaker).Break(t.Context(), held.Name), holder.Release(t.Context(), held.Request))
		},
		"Close": func(_ *testing.T, _, waiter driver.Driver, _ driver.Lease, _ func()) error { return waiter.Close() },
		"cancel": func(_ *testing.T, _, _ driver.Driver, _ driver.Lease, cancel func()) error {
			cancel()
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			holder := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
			waiter, ran := watched(t, server)
			held := acquire(t, holder, request(what))
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			var next driver.Lease
			go func() {
				var err error
				next, err = waiter.Acquire(ctx, request(what))
				ended <- err
			}()
			for range 3 {
				<-ran // it has asked, and goes on waiting
			}
			start := time.Now()
			must(t, end(t, holder, waiter, held, cancel))
			err := <-ended
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("the waiter learned of it after %v", took)
			}
			switch what {
			case "Close":
				wantErr(t, "Acquire", err, driver.ErrClosed)
			case "cancel":
				wantErr(t, "Acquire", err, context.Canceled)
			default:
				must(t, err)
				if next.Token <= held.Token {
					t.Errorf("token %d after %d", next.Token, held.Token)
				}
			}
		})
	}
}

// A server that hangs does not keep a caller whose context has ended, and is
// unavailable after the driver's own time.
func TestSetNXHungServer(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx&timeout=400ms")
	lease := acquire(t, d, request("stock:42"))
	server.Pause(t)
	defer server.Resume(t)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := d.Acquire(ctx, request("stock:42"))
	wantErr(t, "Acquire", err, context.DeadlineExceeded)
	if took := time.Since(start); took > 300*time.Millisecond {
		t.Errorf("Acquire ended %v after a context of 50ms had begun", took)
	}
	err = d.Renew(t.Context(), []driver.Lease{lease})[0].Err
	wantErr(t, "Renew", err, driver.ErrUnavailable)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Renew: %v matches context.DeadlineExceeded, and no context ended", err)
	}
}

// The scripts are loaded again when the server has forgotten them.
func TestSetNXScriptFlush(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	lease := acquire(t, d, request("stock:42"))
	for range 2 {
		must(t, rdb.ScriptFlush(t.Context()).Err())
		if renewal := d.Renew(t.Context(), []driver.Lease{lease})[0]; renewal.Err != nil {
			t.Errorf("Renew: %v", renewal.Err)
		}
	}
	must(t, rdb.ScriptFlush(t.Context()).Err())
	must(t, d.Release(t.Context(), lease.Request))
}
