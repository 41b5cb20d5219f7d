package etcdlock_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

func request(name string, ttl time.Duration) driver.Request {
	return driver.Request{Name: name, Holder: rand.Text(), Owner: "etcdlock test", TTL: ttl}
}

func acquire(tb testing.TB, d driver.Driver, req driver.Request) driver.Lease {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 90*time.Second)
	defer cancel()
	lease, err := d.Acquire(ctx, req)
	must(tb, err)
	return lease
}

// told waits until the holder knows that it has lost lock.
func told(t *testing.T, lock *pawl.Lock) {
	t.Helper()
	select {
	case <-lock.Context().Done():
	case <-time.After(90 * time.Second):
		t.Fatal("the holder was not told within 90 s")
	}
	if cause := context.Cause(lock.Context()); !errors.Is(cause, pawl.ErrLost) {
		t.Errorf("cause %v", cause)
	}
}

// keeps checks that lock is not lost for d.
func keeps(t *testing.T, lock *pawl.Lock, d time.Duration) {
	t.Helper()
	select {
	case <-lock.Context().Done():
		t.Fatalf("lost: %v", context.Cause(lock.Context()))
	case <-time.After(d):
	}
}

// leader returns the leader of servers.
func leader(t *testing.T, etcd *clientv3.Client, servers []*testserver.Process) *testserver.Process {
	t.Helper()
	for _, s := range servers {
		status, err := etcd.Status(t.Context(), s.Addr)
		must(t, err)
		if status.Leader == status.Header.MemberId {
			return s
		}
	}
	t.Fatal("no leader")
	return nil
}

// Neither who holds nor who waits loses anything when the leader is killed.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	servers := testserver.Etcd(t, 3)
	url := "etcd://" + addrs(servers)
	c, other := client(t, url, nil), client(t, url, nil)
	lock := mustLock(t, c, "x", pawl.TTL(8*time.Second))
	next := waiting(t, other, "x", 1, pawl.TTL(8*time.Second))
	leader(t, rawClient(t, servers...), servers).Kill()
	keeps(t, lock, 10*time.Second)
	if len(next) > 0 {
		t.Fatal("the waiter got in beside the holder")
	}
	must(t, lock.Unlock())
	after := receive(t, next)
	if after.Token() <= lock.Token() {
		t.Errorf("token %d after %d", after.Token(), lock.Token())
	}
	must(t, after.Unlock())
}

// A leader that is paused does not take the locks of its clients with it.
func TestLeaderPaused(t *testing.T) {
	t.Parallel()
	servers := testserver.Etcd(t, 3)
	c := client(t, "etcd://"+addrs(servers), nil)
	lock := mustLock(t, c, "x", pawl.TTL(8*time.Second))
	first := leader(t, rawClient(t, servers...), servers)
	first.Pause(t)
	keeps(t, lock, 10*time.Second)
	must(t, lock.Unlock())
	must(t, mustLock(t, c, "x").Unlock())
	first.Resume(t)
}

// proxied returns the URL of servers behind proxies of their own.
func proxied(t *testing.T, servers []*testserver.Process) (string, []*testserver.Proxy) {
	t.Helper()
	proxies, hosts := make([]*testserver.Proxy, len(servers)), make([]string, len(servers))
	for i, s := range servers {
		proxies[i] = testserver.NewProxy(t, s.Addr)
		hosts[i] = proxies[i].Addr
	}
	return "etcd://" + strings.Join(hosts, ","), proxies
}

// A client that is cut off from one server goes on with the others, whether that one
// refuses connections or only falls silent.
func TestCutFromOne(t *testing.T) {
	t.Parallel()
	servers := testserver.Etcd(t, 3)
	for what, cut := range map[string]func(*testserver.Proxy){
		"refused": func(p *testserver.Proxy) { p.Refuse(true); p.Cut() },
		"silent":  func(p *testserver.Proxy) { p.DropReplies(true) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			url, proxies := proxied(t, servers)
			c := client(t, url, nil)
			lock := mustLock(t, c, what, pawl.TTL(6*time.Second))
			for _, p := range proxies { // one after the other, each of them in turn
				cut(p)
				keeps(t, lock, 4*time.Second)
				p.Refuse(false)
				p.DropReplies(false)
				p.Cut()
			}
			must(t, lock.Unlock())
		})
	}
}

// One that is cut off from all is told before anybody else gets the lock.
func TestCutFromAll(t *testing.T) {
	t.Parallel()
	servers := testserver.Etcd(t, 3)
	url, proxies := proxied(t, servers)
	lock := mustLock(t, client(t, url, nil), "x", pawl.TTL(3*time.Second))
	toldAt := make(chan time.Time, 1)
	context.AfterFunc(lock.Context(), func() { toldAt <- time.Now() })
	next := waiting(t, client(t, "etcd://"+addrs(servers), nil), "x", 1)
	for _, p := range proxies {
		p.Refuse(true)
		p.Cut()
	}
	after := receive(t, next)
	got := time.Now()
	if at := <-toldAt; at.After(got) {
		t.Errorf("told %v after somebody else had got it", at.Sub(got))
	}
	if cause := context.Cause(lock.Context()); !errors.Is(cause, pawl.ErrLost) {
		t.Errorf("cause %v", cause)
	}
	must(t, after.Unlock())
}

// When the etcd lease is revoked, all that is held on it is lost at once, and new locks use
// another.
func TestRevoked(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, c := rawClient(t, etcd), client(t, "etcd://"+etcd.Addr, nil)
	locks := []*pawl.Lock{mustLock(t, c, "revoked:1", pawl.TTL(6*time.Second)), mustLock(t, c, "revoked:2", pawl.TTL(6*time.Second))}
	resp, err := raw.Get(t.Context(), "revoked:1/", clientv3.WithPrefix())
	must(t, err)
	_, err = raw.Revoke(t.Context(), clientv3.LeaseID(resp.Kvs[0].Lease))
	must(t, err)
	after := mustLock(t, c, "revoked:3", pawl.TTL(6*time.Second))
	for _, lock := range locks {
		told(t, lock)
	}
	keeps(t, after, time.Millisecond)
	must(t, after.Unlock())
}

// A lock whose key somebody deletes by hand is told at the next renewal.
func TestKeyDeleted(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, c := rawClient(t, etcd), client(t, "etcd://"+etcd.Addr, nil)
	lock, beside := mustLock(t, c, "deleted:1", pawl.TTL(3*time.Second)), mustLock(t, c, "deleted:2", pawl.TTL(3*time.Second))
	_, err := raw.Delete(t.Context(), "deleted:1/", clientv3.WithPrefix())
	must(t, err)
	told(t, lock)
	keeps(t, beside, 4*time.Second)
	must(t, beside.Unlock())
}

// A waiter whose place somebody deletes stands in line again.
func TestPlaceDeleted(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, c := rawClient(t, etcd), client(t, "etcd://"+etcd.Addr, nil)
	lock := mustLock(t, client(t, "etcd://"+etcd.Addr, nil), "place")
	next := waiting(t, c, "place", 1)
	resp, err := raw.Get(t.Context(), "place/", clientv3.WithLastCreate()...)
	must(t, err)
	_, err = raw.Delete(t.Context(), string(resp.Kvs[0].Key))
	must(t, err)
	must(t, lock.Unlock())
	must(t, receive(t, next).Unlock())
}

// A put whose reply is lost is one place, and one lock, whether it is tried again or given
// up.
func TestLostPutReply(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	proxy := testserver.NewProxy(t, etcd.Addr)
	d, raw := mustOpen(t, "etcd://"+proxy.Addr+"?timeout=6s"), rawClient(t, etcd)
	acquire(t, d, request("lost:0", 5*time.Minute)) // the etcd lease and the base are there
	keyCount := func(name string) int64 {
		resp, err := raw.Get(t.Context(), name+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		must(t, err)
		return resp.Count
	}
	for _, again := range []bool{true, false} {
		name := fmt.Sprint("lost:", again)
		req := request(name, 5*time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan error, 1)
		proxy.DropReplies(true)
		go func() {
			_, err := d.Acquire(ctx, req)
			got <- err
		}()
		eventually(t, "the key of a lost reply", func() bool { return keyCount(name) == 1 })
		if !again {
			cancel()
		}
		proxy.DropReplies(false)
		proxy.Cut() // what was dropped is missing in the stream
		if err := <-got; again && err != nil || !again && !errors.Is(err, context.Canceled) {
			t.Errorf("tried again %v: %v", again, err)
		}
		if n := keyCount(name); again && n != 1 {
			t.Errorf("%d keys", n)
		}
		eventually(t, "a Release", func() bool { return d.Release(t.Context(), req) == nil })
		if n := keyCount(name); n != 0 {
			t.Errorf("tried again %v: %d keys after the release", again, n)
		}
	}
}

// A put that arrives after the release of its holder id gains nothing.
func TestDelayedPut(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	gate := newGate(t, etcd.Addr)
	d, direct := mustOpen(t, "etcd://"+gate.addr+"?timeout=2m"), mustOpen(t, "etcd://"+etcd.Addr)
	acquire(t, d, request("delayed:0", 5*time.Minute)) // the etcd lease and the base are there
	req := request("delayed", 5*time.Minute)
	gate.close()
	got := make(chan error, 1)
	go func() {
		_, err := d.Acquire(t.Context(), req)
		got <- err
	}()
	gate.heldBack(t)
	must(t, direct.Release(t.Context(), req))
	gate.open()
	if err := <-got; !errors.Is(err, driver.ErrLost) {
		t.Errorf("an Acquire that arrived after its Release: %v", err)
	}
	state, err := direct.(driver.Inspector).Inspect(t.Context(), "delayed")
	if err != nil || len(state.Holders)+len(state.Waiters) > 0 {
		t.Errorf("left behind: %+v, %v", state, err)
	}
}

// A waiter whose watch was cut, and finds the revisions that it has missed compacted, gets
// its turn nevertheless.
func TestCompactionDuringWait(t *testing.T) {
	t.Parallel()
	etcd := testserver.Etcd(t, 1)[0]
	raw, proxy := rawClient(t, etcd), testserver.NewProxy(t, etcd.Addr)
	holder := mustOpen(t, "etcd://"+etcd.Addr)
	lease := acquire(t, holder, request("x", time.Minute))
	c := client(t, "etcd://"+proxy.Addr, nil)
	next := waiting(t, c, "x", 1, pawl.TTL(2*time.Second))
	proxy.Refuse(true)
	proxy.Cut()
	must(t, holder.Release(t.Context(), lease.Request))
	var last int64
	for range 10 {
		resp, err := raw.Put(t.Context(), "other", "")
		must(t, err)
		last = resp.Header.Revision
	}
	_, err := raw.Compact(t.Context(), last)
	must(t, err)
	proxy.Refuse(false)
	must(t, receive(t, next).Unlock())
}

// The server's data is gone: the holder is told, and tokens go on rising.
func TestDataLoss(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr+"/loss")
	first := acquire(t, d, request("x", time.Minute))
	_, err := raw.Delete(t.Context(), "loss/", clientv3.WithPrefix())
	must(t, err)
	if r := d.Renew(t.Context(), []driver.Lease{first}); !errors.Is(r[0].Err, driver.ErrLost) {
		t.Errorf("Renew: %v", r[0].Err)
	}
	second := acquire(t, d, request("x", time.Minute))
	if second.Token <= first.Token+1e3 {
		t.Errorf("token %d after %d: not on a new base", second.Token, first.Token)
	}
}

// An Acquire that begins again is not taken for one that has failed, however slow the servers
// are.
func TestBegunAgain(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	addr, delay := slowed(t, etcd.Addr)
	d, raw := mustOpen(t, "etcd://"+addr+"/begun?timeout=30s"), rawClient(t, etcd)
	must(t, d.Release(t.Context(), acquire(t, d, request("warm", time.Minute)).Request))
	_, err := raw.Put(t.Context(), "begun/%pawl/base", fmt.Sprint(time.Now().UnixMicro()))
	must(t, err)
	delay.Store(int64(700 * time.Millisecond))
	lease := acquire(t, d, request("x", time.Minute))
	delay.Store(0)
	must(t, d.Release(t.Context(), lease.Request))
}

// A holder id that has stood in line and asks again gets a lease of its TTL, and not one of
// the line's.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d, holder := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr), mustOpen(t, "etcd://"+etcd.Addr)
	lease, req := acquire(t, holder, request("again", time.Minute)), request("again", time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := d.Acquire(ctx, req)
		got <- err
	}()
	var key *mvccpb.KeyValue
	ofLine := func() int64 {
		resp, err := raw.Get(t.Context(), "again/", clientv3.WithLastCreate()...)
		must(t, err)
		key = resp.Kvs[0]
		left, err := raw.TimeToLive(t.Context(), clientv3.LeaseID(key.Lease))
		must(t, err)
		return left.GrantedTTL
	}
	eventually(t, "a place that lives for 3 s", func() bool { return ofLine() == 3 })
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire: %v", err)
	}
	must(t, holder.Release(t.Context(), lease.Request))
	acquire(t, d, req)
	if ttl := ofLine(); ttl != 60 {
		t.Errorf("the key %s lives for %d s", key.Key, ttl)
	}
	must(t, d.Release(t.Context(), req))
}

// Each of a thousand waiters is woken once.
func TestNoHerd(t *testing.T) {
	t.Parallel()
	const n = crowd
	etcd := server(t)
	d := mustOpen(t, "etcd://"+etcd.Addr+"?timeout=30s")
	lease := acquire(t, d, request("herd", time.Minute))
	var all sync.WaitGroup
	for range n {
		req := request("herd", time.Minute)
		all.Go(func() {
			_, err := d.Acquire(t.Context(), req)
			if err == nil {
				err = d.Release(t.Context(), req)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all of them in line", func() bool {
		state, err := d.(driver.Inspector).Inspect(t.Context(), "herd")
		return err == nil && len(state.Waiters) == n
	})
	must(t, d.Release(t.Context(), lease.Request))
	all.Wait()
	if events := etcdlock.WatchEvents(d); events > n {
		t.Errorf("%d watch events for %d waiters", events, n)
	}
}

// Ten thousand locks are renewed by one keep-alive, as one is.
func TestKeepAlivesDoNotGrow(t *testing.T) {
	t.Parallel()
	const n, workers = 10_000, 32
	d := mustOpen(t, "etcd://"+server(t).Addr+"?timeout=90s")
	leases := make([]driver.Lease, n)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				lease, err := d.Acquire(t.Context(), request(fmt.Sprint("many:", i), 10*time.Minute))
				if err != nil {
					t.Error(err)
					return
				}
				leases[i] = lease
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	before := etcdlock.KeepAlives(d)
	for _, r := range d.Renew(t.Context(), leases) {
		must(t, r.Err)
	}
	if sent := etcdlock.KeepAlives(d) - before; sent > 1 {
		t.Errorf("%d keep-alives for one renewal of %d locks", sent, n)
	}
}
