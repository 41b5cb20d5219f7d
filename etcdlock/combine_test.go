package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

// runway is a driver whose operations gather for as long as its gate is closed.
type runway struct {
	driver.Driver
	t     *testing.T
	gate  *gate
	proxy *testserver.Proxy // before the gate
	busy  []driver.Request  // whose operations are under way while others gather
	all   sync.WaitGroup
}

func newRunway(t *testing.T, server, user, path string) *runway {
	t.Helper()
	r := &runway{t: t, gate: newGate(t, server)}
	r.proxy = testserver.NewProxy(t, r.gate.addr)
	r.Driver = mustOpen(t, "etcd://"+user+r.proxy.Addr+path)
	must(t, r.Release(t.Context(), acquire(t, r, request("warm", time.Minute)).Request)) // the etcd lease and the base are there
	return r
}

// close makes what comes now gather.
func (r *runway) close() {
	r.t.Helper()
	r.gate.close()
	r.busy = []driver.Request{request("busy:1", time.Minute), request("busy:2", time.Minute)}
	for _, req := range r.busy {
		r.all.Go(func() {
			if _, err := r.Acquire(r.t.Context(), req); err != nil {
				r.t.Errorf("%s: %v", req.Name, err)
			}
		})
	}
	eventually(r.t, "two operations under way", func() bool {
		flights, _ := etcdlock.Flights(r.Driver)
		return flights == 2
	})
}

// attempt is an Acquire and what it came to.
type attempt struct {
	req    driver.Request
	ctx    context.Context
	cancel context.CancelFunc
	lease  driver.Lease
	err    error
}

// gather starts Acquires that do not wait, each of which has gathered before the next one.
func (r *runway) gather(names ...string) []*attempt {
	r.t.Helper()
	var attempts []*attempt
	for _, name := range names {
		a := &attempt{req: request(name, time.Minute)}
		a.req.NoWait = true
		r.start(a)
		attempts = append(attempts, a)
	}
	return attempts
}

// start starts a, and waits until it has gathered.
func (r *runway) start(a *attempt) {
	r.t.Helper()
	_, before := etcdlock.Flights(r.Driver)
	a.ctx, a.cancel = context.WithCancel(r.t.Context())
	r.t.Cleanup(a.cancel)
	r.all.Go(func() { a.lease, a.err = r.Acquire(a.ctx, a.req) })
	r.gathered(before + 1)
}

func (r *runway) gathered(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprint(n, " operations that have gathered"), func() bool {
		_, gathered := etcdlock.Flights(r.Driver)
		return gathered == n
	})
}

// open sends off what has gathered, and waits for all.
func (r *runway) open() {
	r.gate.open()
	r.all.Wait()
}

// granted checks that attempts were granted as one transaction: in one revision.
func granted(t *testing.T, attempts ...*attempt) {
	t.Helper()
	for _, a := range attempts {
		if a.err != nil {
			t.Errorf("%s: %v", a.req.Name, a.err)
		}
		if a.lease.Token != attempts[0].lease.Token {
			t.Errorf("%s has token %d, and %s %d: not of one transaction", a.req.Name, a.lease.Token, attempts[0].req.Name, attempts[0].lease.Token)
		}
	}
}

// holds checks that the servers know name as held by holder, or by nobody.
func holds(t *testing.T, d driver.Driver, name, holder string) {
	t.Helper()
	state, err := d.(driver.Inspector).Inspect(t.Context(), name)
	must(t, err)
	if len(state.Waiters) > 0 || len(state.Holders) > 1 {
		t.Errorf("%s: %+v", name, state)
	}
	got := ""
	if len(state.Holders) > 0 {
		got = state.Holders[0].Holder
	}
	if got != holder {
		t.Errorf("%s is held by %q, want %q", name, got, holder)
	}
}

// What gathers while others are under way is one transaction, acquisitions and releases alike.
func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRunway(t, server(t).Addr, "", "/batch?timeout=2m")
	old := acquire(t, r, request("old", time.Minute))
	r.close()
	r.all.Go(func() {
		if err := r.Release(t.Context(), old.Request); err != nil {
			t.Error(err)
		}
	})
	r.gathered(1)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("order:", i))
	}
	attempts := r.gather(names...)
	r.open()
	granted(t, attempts...)
	holds(t, r.Driver, "old", "")
	for _, a := range attempts {
		holds(t, r.Driver, a.req.Name, a.req.Holder)
	}
}

// A full batch does not wait: it is full of acquisitions by what they compare, three each
// of 96 less the four of one more, and of releases, which compare one, by their number.
func TestBatchFull(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		n       int
		release bool
		batches int
		rest    int
	}{
		{"acquisitions", 150, false, 4, 150 - 4*31},
		{"releases", 40, true, 1, 40 - 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRunway(t, server(t).Addr, "", "/full-"+tt.name+"?timeout=2m")
			reqs := make([]driver.Request, tt.n)
			for i := range reqs {
				reqs[i] = request(fmt.Sprint("order:", i), time.Minute)
				if tt.release {
					acquire(t, r, reqs[i])
				}
			}
			r.close()
			for _, req := range reqs {
				r.all.Go(func() {
					var err error
					if tt.release {
						err = r.Release(t.Context(), req)
					} else {
						_, err = r.Acquire(t.Context(), req)
					}
					if err != nil {
						t.Errorf("%s: %v", req.Name, err)
					}
				})
			}
			eventually(t, "full batches under way, and the rest", func() bool {
				flights, gathered := etcdlock.Flights(r.Driver)
				return flights == 2+tt.batches && gathered == tt.rest
			})
			r.open()
			if flights, gathered := etcdlock.Flights(r.Driver); flights+gathered > 0 {
				t.Errorf("%d under way and %d gathered after the end", flights, gathered)
			}
		})
	}
}

// Each operation of a batch gets the part of the answer that is its own, however many
// parts the others have.
func TestBatchAnswers(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([][]int64{{0}, {1, 2}, {3}}, etcdlock.Share(1, 2, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One that is refused, or has to stand in line, does not keep the others of its batch from
// their locks.
func TestBatchRefused(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	r, other := newRunway(t, etcd.Addr, "", "/refused?timeout=2m"), mustOpen(t, "etcd://"+etcd.Addr+"/refused")
	held := acquire(t, other, request("held", time.Minute))
	before := acquire(t, other, request("line", time.Minute))
	r.close()
	attempts := r.gather("free:1", "held", "free:2")
	stands := &attempt{req: request("line", time.Minute)}
	r.start(stands)
	spent := &attempt{req: request("spent", time.Minute)}
	must(t, other.Release(t.Context(), spent.req))
	r.start(spent)
	r.gate.open()
	eventually(t, "a waiter in line", func() bool {
		state, err := other.(driver.Inspector).Inspect(t.Context(), "line")
		return err == nil && len(state.Waiters) == 1
	})
	must(t, other.Release(t.Context(), before.Request))
	r.all.Wait()
	granted(t, attempts[0], attempts[2])
	var known *driver.HeldError
	if !errors.As(attempts[1].err, &known) || known.Owner != held.Owner {
		t.Errorf("of what is held: %v", attempts[1].err)
	}
	if !errors.Is(spent.err, driver.ErrLost) {
		t.Errorf("of a holder id that was released: %v", spent.err)
	}
	if stands.err != nil || stands.lease.Token < attempts[0].lease.Token {
		t.Errorf("in line: token %d, %v", stands.lease.Token, stands.err)
	}
	holds(t, other, "line", stands.req.Holder)
	holds(t, other, "held", held.Holder)
}

// Two who want one name at the same moment never share a transaction: both would find the
// name free.
func TestBatchOneName(t *testing.T) {
	t.Parallel()
	r := newRunway(t, server(t).Addr, "", "/one?timeout=2m")
	r.close()
	attempts := r.gather("x", "y")
	second := &attempt{req: request("x", time.Minute)}
	second.req.NoWait = true
	r.all.Go(func() { second.lease, second.err = r.Acquire(t.Context(), second.req) })
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); <-time.After(time.Millisecond) {
		if _, gathered := etcdlock.Flights(r.Driver); gathered != 2 {
			t.Fatal("two who want one name have gathered")
		}
	}
	r.open()
	first := attempts[0]
	if (first.err == nil) == (second.err == nil) {
		t.Errorf("two who want one name: %v and %v", first.err, second.err)
	}
	for _, a := range []*attempt{first, second} {
		if a.err == nil {
			holds(t, r.Driver, "x", a.req.Holder)
		} else if !errors.Is(a.err, driver.ErrHeld) {
			t.Error(a.err)
		}
	}
	if attempts[1].err != nil {
		t.Error(attempts[1].err)
	}
}

// A batch whose reply is lost is tried again, and has the effect of one.
func TestBatchLostReply(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	r, raw := newRunway(t, etcd.Addr, "", "/reply?timeout=9s"), rawClient(t, etcd)
	old := acquire(t, r, request("old", time.Minute))
	r.close()
	attempts := r.gather("x", "y")
	r.all.Go(func() {
		if err := r.Release(t.Context(), old.Request); err != nil {
			t.Error(err)
		}
	})
	r.gathered(3)
	r.proxy.DropReplies(true)
	r.gate.open()
	eventually(t, "the keys of a lost reply", func() bool {
		resp, err := raw.Get(t.Context(), "reply/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
		must(t, err)
		keys := 0
		for _, kv := range resp.Kvs {
			if string(kv.Key[:8]) == "reply/x/" || string(kv.Key[:8]) == "reply/y/" {
				keys++
			}
		}
		return keys == 2
	})
	r.proxy.DropReplies(false)
	r.proxy.Cut() // what was dropped is missing in the stream
	r.all.Wait()
	granted(t, attempts...)
	holds(t, r.Driver, "old", "")
	for _, a := range attempts {
		holds(t, r.Driver, a.req.Name, a.req.Holder)
	}
}

// What nobody waits for any more is not sent again with its batch: it could arrive after
// the mark of its release has gone.
func TestBatchLeft(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	r, raw := newRunway(t, etcd.Addr, "", "/left?timeout=2m"), rawClient(t, etcd)
	r.close()
	attempts := r.gather("x", "y", "left")
	r.proxy.Refuse(true)
	r.proxy.Cut()
	r.gathered(0) // the batch is on its way, and fails
	attempts[2].cancel()
	eventually(t, "an Acquire that ends", func() bool { return attempts[2].ctx.Err() != nil })
	r.proxy.Refuse(false)
	r.open()
	granted(t, attempts[:2]...)
	if err := attempts[2].err; !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %v", err)
	}
	x, err := raw.Get(t.Context(), "left/x/", clientv3.WithPrefix())
	must(t, err)
	then := clientv3.WithRev(x.Kvs[0].CreateRevision) // when nobody had cleaned up yet
	left, err := raw.Get(t.Context(), "left/left/", clientv3.WithPrefix(), then)
	if err != nil || len(left.Kvs) > 0 {
		t.Errorf("it was sent with its batch: %v, %v", left, err)
	}
}

// An etcd lease that is gone fails its whole batch, but costs only those their places who
// are on it.
func TestBatchSessionLost(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	r, raw := newRunway(t, etcd.Addr, "", "/session?timeout=2m"), rawClient(t, etcd)
	other := request("other", 2*time.Minute)
	kept := acquire(t, r, other)
	acquire(t, r, request("lost", time.Minute))
	resp, err := raw.Get(t.Context(), "session/lost/", clientv3.WithPrefix())
	must(t, err)
	r.close()
	attempts := r.gather("x", "y")
	z := &attempt{req: request("z", 2*time.Minute)}
	z.req.NoWait = true
	r.start(z)
	_, err = raw.Revoke(t.Context(), clientv3.LeaseID(resp.Kvs[0].Lease))
	must(t, err)
	r.open()
	for _, a := range append(attempts, z) {
		if a.err != nil {
			t.Errorf("%s: %v", a.req.Name, a.err)
		}
		holds(t, r.Driver, a.req.Name, a.req.Holder)
	}
	select {
	case <-kept.Lost:
		t.Error("a lock on another etcd lease was lost")
	default:
	}
}

// A key that the user may not write is refused to who wants it, and only to that one; and
// it is refused in a batch, too, where etcd does not look into nested transactions.
func TestBatchPermissions(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1)[0]
	user := withUser(t, etcd, "p/%pawl/", "p/warm", "p/busy", "p/mine")
	r := newRunway(t, etcd.Addr, user, "/p?timeout=2m")
	r.close()
	attempts := r.gather("mine:1", "theirs", "mine:2")
	r.open()
	for _, a := range attempts {
		if allowed := a.req.Name != "theirs"; allowed != (a.err == nil) || !allowed && !errors.Is(a.err, driver.ErrInvalidOption) {
			t.Errorf("%s: %v", a.req.Name, a.err)
		}
	}
}

// Close ends what has gathered and will not be sent.
func TestCloseGathered(t *testing.T) {
	t.Parallel()
	r := newRunway(t, server(t).Addr, "", "/close?timeout=6s")
	r.gate.close()
	var all []*attempt
	for i := range 4 {
		a := &attempt{req: request(fmt.Sprint("order:", i), time.Minute)}
		r.all.Go(func() { a.lease, a.err = r.Acquire(t.Context(), a.req) })
		all = append(all, a)
	}
	r.gathered(2)
	r.proxy.Refuse(true)
	must(t, r.Close())
	r.all.Wait()
	for _, a := range all {
		if !errors.Is(a.err, driver.ErrClosed) {
			t.Errorf("%s: %v", a.req.Name, a.err)
		}
	}
}

// Locks of one batch were created in one revision: to break one of them is not to break the
// others.
func TestBatchBroken(t *testing.T) {
	t.Parallel()
	r := newRunway(t, server(t).Addr, "", "/broken?timeout=2m")
	r.close()
	attempts := r.gather("x", "y")
	r.open()
	granted(t, attempts...)
	must(t, r.Driver.(driver.Breaker).Break(t.Context(), "x"))
	renewals := r.Renew(t.Context(), []driver.Lease{attempts[0].lease, attempts[1].lease})
	if !errors.Is(renewals[0].Err, driver.ErrLost) || renewals[1].Err != nil {
		t.Errorf("of two the first was broken: %v and %v", renewals[0].Err, renewals[1].Err)
	}
}
