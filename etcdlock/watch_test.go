package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
)

// A waiter is woken by the release, and not up to 100 ms later, when etcd brings watches
// from the past up to date: also on a server with other work to do.
func TestWokenAtOnce(t *testing.T) {
	t.Parallel()
	const handoffs = 25
	etcd := server(t)
	raw, one, two := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr+"/woken"), mustOpen(t, "etcd://"+etcd.Addr+"/woken")
	ctx, cancel := context.WithCancel(t.Context())
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		for ctx.Err() == nil {
			_, _ = raw.Put(ctx, "woken/work", "")
		}
	}()
	defer func() { cancel(); <-busy }()
	var gaps, cycles []time.Duration
	for i := range handoffs {
		begin := time.Now()
		must(t, one.Release(t.Context(), acquire(t, one, request("control", time.Minute)).Request))
		cycles = append(cycles, time.Since(begin))

		held := acquire(t, one, request("x", time.Minute))
		req := request("x", time.Minute)
		got := make(chan time.Time, 1)
		go func() {
			acquire(t, two, req)
			got <- time.Now()
		}()
		eventually(t, "a waiter", func() bool {
			state, err := one.(driver.Inspector).Inspect(t.Context(), "x")
			return err == nil && len(state.Waiters) == 1
		})
		<-time.After(time.Duration(i) * time.Millisecond) // before, while and after the watch is opened
		begin = time.Now()
		must(t, one.Release(t.Context(), held.Request))
		gaps = append(gaps, (<-got).Sub(begin))
		must(t, two.Release(t.Context(), req))
	}
	slices.Sort(gaps)
	slices.Sort(cycles)
	gap, cycle := gaps[handoffs/2], cycles[handoffs/2]
	t.Logf("from the release to the lock %v, a lock and its release %v", gap, cycle)
	if gap > 20*time.Millisecond+4*cycle {
		t.Errorf("a release wakes after %v, where a lock and its release take %v", gap, cycle)
	}
}

// What goes after it was seen and before it is watched is not missed, also when the same
// key is there again.
func TestGoneBeforeWatch(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr)
	put := func() int64 {
		resp, err := raw.Put(t.Context(), "gone before", "")
		must(t, err)
		return resp.Header.Revision
	}
	remove := func() {
		_, err := raw.Delete(t.Context(), "gone before")
		must(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	first := put()
	remove()
	must(t, etcdlock.AwaitKey(ctx, d, "gone before", first, first))
	second := put()
	must(t, etcdlock.AwaitKey(ctx, d, "gone before", first, first))
	ended := make(chan error, 1)
	go func() { ended <- etcdlock.AwaitKey(ctx, d, "gone before", second, first) }()
	select {
	case err := <-ended:
		t.Errorf("what is still there was not waited for: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	remove()
	must(t, <-ended)
}

// An Acquire whose context ends while the servers do not answer its watch ends with it.
func TestWatchNotAnswered(t *testing.T) {
	t.Parallel()
	gate := newGate(t, server(t).Addr)
	d := mustOpen(t, "etcd://"+gate.addr+"?timeout=2m")
	gate.close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- etcdlock.OpenWatch(ctx, d, "x") }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it goes on 30 s after its context has ended")
	}
}

// A watch that the servers do not answer within 10 s is given up, and tried again by who
// waits.
func TestWatchTimeout(t *testing.T) {
	t.Parallel()
	gate := newGate(t, server(t).Addr)
	d := mustOpen(t, "etcd://"+gate.addr+"?timeout=900ms")
	gate.close()
	if err := etcdlock.OpenWatch(t.Context(), d, "x"); !errors.Is(err, driver.ErrUnavailable) {
		t.Error(err)
	}
}

// A key that is no lock is told of by whoever comes to wait for it, also when others stood
// between.
func TestForeignKeyAhead(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr)
	_, err := raw.Put(t.Context(), "ahead/price", "42")
	must(t, err)
	between, err := raw.Grant(t.Context(), 60)
	must(t, err)
	_, err = raw.Put(t.Context(), fmt.Sprintf("ahead/%x", int64(between.ID)), "", clientv3.WithLease(between.ID))
	must(t, err)
	got := make(chan error, 1)
	go func() {
		_, err := d.Acquire(t.Context(), request("ahead", time.Minute))
		got <- err
	}()
	eventually(t, "a waiter", func() bool {
		resp, err := raw.Get(t.Context(), "ahead/", clientv3.WithPrefix())
		return err == nil && len(resp.Kvs) == 3
	})
	_, err = raw.Revoke(t.Context(), between.ID)
	must(t, err)
	select {
	case err := <-got:
		if !errors.Is(err, driver.ErrInvalidName) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits for a key that is no lock")
	}
}
