package redislock_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/redislock"
)

const (
	// minorityCost is what a hung minority may add to a call.
	minorityCost = 60 * time.Millisecond
	// busy is what a busy machine may add. Waiting for a hung node would take
	// redislock.DefaultTimeout.
	busy = 500 * time.Millisecond
)

// took measures how long do takes.
func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// pause stops servers until the returned function is called, or the test ends.
func (n nodes) pause(t *testing.T, which ...int) (resume func()) {
	t.Helper()
	for _, i := range which {
		n[i].Pause(t)
	}
	resumed := false
	resume = func() {
		if resumed {
			return
		}
		resumed = true
		for _, i := range which {
			n[i].Resume(t)
		}
	}
	t.Cleanup(resume)
	return resume
}

// median returns the median and the maximum.
func median(all []time.Duration) (mid, most time.Duration) {
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// A minority that hangs is hardly noticed: neither by those who lock and unlock, the
// first time or later, nor by those who find the lock held, renew or look.
func TestQuorumHungMinority(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 5)
	t.Run("Strict", func(t *testing.T) { hungMinority(t, all, all.open(t, nil)) })
	// These clients do not end a call with its context, and try it again.
	t.Run("Defaults", func(t *testing.T) { hungMinority(t, all, all.openWith(t, nil, &redis.Options{})) })
}

func hungMinority(t *testing.T, all nodes, d driver.Driver) {
	must(t, d.Release(t.Context(), acquire(t, d, request("before")).Request))
	resume := all.pause(t, 1, 3)
	held := acquire(t, d, request("held"))
	calls := map[string]func(i int){
		"held": func(int) {
			if _, err := d.Acquire(t.Context(), request("held", noWait)); !errors.Is(err, driver.ErrHeld) {
				t.Errorf("Acquire of what is held: %v", err)
			}
		},
		"renew": func(int) { must(t, renewIn(t, d, held)) },
		"inspect": func(int) {
			state, err := d.(driver.Inspector).Inspect(t.Context(), "held")
			if err != nil || len(state.Holders) != 1 || state.Holders[0].Token != held.Token {
				t.Errorf("Inspect: %+v, %v", state, err)
			}
		},
	}
	const times = 100
	spent := make(map[string][]time.Duration)
	for i := range times {
		req := request(fmt.Sprintf("stock:%d", i), noWait)
		spent["lock"] = append(spent["lock"], took(func() { acquire(t, d, req) }))
		spent["unlock"] = append(spent["unlock"], took(func() { must(t, d.Release(t.Context(), req)) }))
		for what, call := range calls {
			spent[what] = append(spent[what], took(func() { call(i) }))
		}
	}
	for what, durations := range spent {
		mid, most := median(durations)
		t.Logf("%s: median %v, at most %v", what, mid, most)
		if mid > minorityCost || most > minorityCost+busy {
			t.Errorf("%s took %v, and %v at most, want at most %v", what, mid, most, minorityCost)
		}
	}
	must(t, d.Release(t.Context(), held.Request))
	other := all.open(t, nil)
	must(t, other.Release(t.Context(), acquire(t, other, request("held")).Request))
	if took := took(func() { must(t, other.Close()) }); took > minorityCost+busy {
		t.Errorf("Close took %v", took)
	}
	resume()
	for node := range all {
		for i := range times {
			within20s(t, "the end of every lock on every node", func() bool {
				return all.holder(t, node, fmt.Sprintf("stock:%d", i)) == "" && all.holder(t, node, "held") == ""
			})
		}
	}
}

// Without a majority nobody knows anything: no call says that a lock is free, held or
// lost. Afterwards what was held is still held.
func TestQuorumHungMajority(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	d := all.open(t, &redislock.Options{Durable: true, Timeout: 250 * time.Millisecond})
	held := acquire(t, d, request("held"))
	resume := all.pause(t, 0, 1)
	_, err := d.Acquire(t.Context(), request("free", noWait))
	wantErr(t, "Acquire", err, driver.ErrUnavailable)
	_, err = d.Acquire(t.Context(), request("free"))
	wantErr(t, "Acquire that waits", err, driver.ErrUnavailable)
	_, err = d.Acquire(t.Context(), request("held", noWait))
	wantErr(t, "Acquire of what is held", err, driver.ErrUnavailable)
	wantErr(t, "Renew", renewIn(t, d, held), driver.ErrUnavailable)
	wantErr(t, "Release", d.Release(t.Context(), request("free")), driver.ErrUnavailable)
	_, err = d.(driver.Inspector).Inspect(t.Context(), "held")
	wantErr(t, "Inspect", err, driver.ErrUnavailable)
	_, err = d.(driver.Inspector).List(t.Context(), "")
	wantErr(t, "List", err, driver.ErrUnavailable)
	wantErr(t, "Break", d.(driver.Breaker).Break(t.Context(), "held"), driver.ErrUnavailable)
	wantErr(t, "Force", d.(driver.Breaker).Force(t.Context(), "held"), driver.ErrUnavailable)
	resume()
	within20s(t, "a renewal after that", func() bool { return renewIn(t, d, held) == nil })
	req := request("free", noWait)
	within20s(t, "the lock that nobody got", func() bool {
		_, err := d.Acquire(t.Context(), req)
		return err == nil
	})
	must(t, d.Release(t.Context(), req))
	must(t, d.Release(t.Context(), held.Request))
}

// The same when a majority is down; that is told at once.
func TestQuorumMajorityDown(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	d := all.open(t, nil)
	held := acquire(t, d, request("held"))
	all[0].Kill()
	must(t, renewIn(t, d, held))
	all[1].Kill()
	took := took(func() {
		_, err := d.Acquire(t.Context(), request("free"))
		wantErr(t, "Acquire", err, driver.ErrUnavailable)
		wantErr(t, "Renew", renewIn(t, d, held), driver.ErrUnavailable)
	})
	if took > redislock.DefaultTimeout {
		t.Errorf("the errors took %v", took)
	}
}

// A grant that a node gives late, when the lock has been released already, is given
// back: whether the node goes on before its call has timed out, or after.
func TestQuorumLateGrant(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"BeforeTimeout": redislock.DefaultTimeout, "AfterTimeout": 150 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := startNodes(t, 3)
			d, other := all.open(t, &redislock.Options{Durable: true, Timeout: timeout}), all.open(t, nil)
			must(t, d.Release(t.Context(), acquire(t, d, request("before")).Request))
			resume := all.pause(t, 2)
			lease := acquire(t, d, request("x"))
			must(t, d.Release(t.Context(), lease.Request))
			if name == "AfterTimeout" {
				over := time.Now().Add(2 * timeout)
				within20s(t, "the end of the call that hangs", func() bool { return time.Now().After(over) })
			}
			resume()
			rdb := rawClient(t, all[2])
			within20s(t, "the late request and its undoing", func() bool {
				last, _ := rdb.HGet(t.Context(), "pawl:quorum:{x}", "e").Result() // written by every grant and mark
				return last != "" && all.holder(t, 2, "x") == ""
			})
			all.pause(t, 0) // now the late node is needed
			next := request("x", noWait)
			within20s(t, "the next holder, long before the TTL", func() bool {
				_, err := other.Acquire(t.Context(), next)
				return err == nil
			})
			must(t, other.Release(t.Context(), next))
		})
	}
}

// A node that has forgotten its locks in a restart does not count until the locks that
// it may have forgotten have run out: together with a node that has never heard of a
// lock it would let a second holder in.
func TestQuorumRestartedNode(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	all := startNodes(t, 3)
	opts := &redislock.Options{MaxTTL: ttl}
	d, other := all.open(t, opts), all.open(t, opts)

	_, err := d.Acquire(t.Context(), request("x", living(ttl), noWait))
	wantErr(t, "Acquire on nodes that were just started", err, driver.ErrUnavailable)
	var lease driver.Lease
	try := func(d driver.Driver) func() bool {
		return func() bool {
			lease, err = d.Acquire(t.Context(), request("x", living(ttl), noWait))
			return err == nil
		}
	}
	within20s(t, "the first holder", try(d))
	must(t, d.Release(t.Context(), lease.Request))

	resume := all.pause(t, 2)
	before := acquire(t, d, request("y", living(ttl))) // so that the driver knows that it hangs
	must(t, d.Release(t.Context(), before.Request))
	over := time.Now().Add(100 * time.Millisecond)
	within20s(t, "the end of patience", func() bool { return time.Now().After(over) })
	within20s(t, "a lock on the other two", try(d))
	first := lease
	all[1].Kill()
	must(t, all[1].Start())
	resume()
	if all.holder(t, 1, "x") != "" || all.holder(t, 2, "x") != "" {
		t.Fatal("the majority knows the first holder: the test does not test anything")
	}
	within20s(t, "the second holder", try(other))
	if now := time.Now(); now.Before(first.Until) {
		t.Errorf("a second holder was let in %v before the end of the first one's trust", first.Until.Sub(now))
	}
	if lease.Token <= first.Token {
		t.Errorf("token %d after %d", lease.Token, first.Token)
	}
	wantErr(t, "Renew by the first", renewIn(t, d, first), driver.ErrLost)
	must(t, other.Release(t.Context(), lease.Request))
}

// Nodes that were away when a lock was granted, or have lost it, are taken at the next
// renewals. Then the others may go.
func TestQuorumTakenAgain(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 5)
	d := all.open(t, nil)
	all[3].Kill()
	all[4].Kill()
	lease := acquire(t, d, request("x"))
	for _, server := range []*testserver.Process{all[3], all[4]} {
		must(t, server.Start())
	}
	healed := func() bool {
		if err := renewIn(t, d, lease); err != nil {
			t.Fatalf("Renew: %v", err)
		}
		for i := range all {
			if all.holder(t, i, "x") != lease.Holder {
				return false
			}
		}
		return true
	}
	within20s(t, "the nodes that were away", healed)
	must(t, rawClient(t, all[0]).FlushAll(t.Context()).Err())
	within20s(t, "the node that has lost its data", healed)
	all[1].Kill()
	all[2].Kill()
	must(t, renewIn(t, d, lease))
	state, err := d.(driver.Inspector).Inspect(t.Context(), "x")
	if err != nil || len(state.Holders) != 1 || state.Holders[0].Token != lease.Token {
		t.Errorf("Inspect: %+v, %v, want token %d", state, err, lease.Token)
	}
	must(t, d.Release(t.Context(), lease.Request))
}

// Who has lost the majority is told, and does not get it back: somebody else may have
// held the lock meanwhile.
func TestQuorumMajorityLost(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 5)
	d := all.open(t, nil)
	lease := acquire(t, d, request("x"))
	within20s(t, "the lock on all nodes", func() bool { return all.holder(t, 3, "x") != "" && all.holder(t, 4, "x") != "" })
	must(t, rawClient(t, all[0]).FlushAll(t.Context()).Err())
	must(t, rawClient(t, all[1]).FlushAll(t.Context()).Err())
	must(t, rawClient(t, all[2]).FlushAll(t.Context()).Err())
	for range 3 {
		wantErr(t, "Renew", renewIn(t, d, lease), driver.ErrLost)
	}
	for i := range 3 {
		if holder := all.holder(t, i, "x"); holder != "" {
			t.Errorf("node %d was taken again for %s", i, holder)
		}
	}
	must(t, d.Release(t.Context(), lease.Request))
}

// A broken lease gets no node again that it does not hold.
func TestQuorumBreakKeepsNodes(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	d := all.open(t, nil)
	all[2].Kill()
	lease := acquire(t, d, request("x"))
	must(t, all[2].Start())
	within20s(t, "the break", func() bool { return d.(driver.Breaker).Break(t.Context(), "x") == nil })
	wantErr(t, "Renew", renewIn(t, d, lease), driver.ErrLost)
	_, err := d.Acquire(t.Context(), lease.Request)
	wantErr(t, "Acquire again", err, driver.ErrLost)
	must(t, d.Release(t.Context(), lease.Request))
}
