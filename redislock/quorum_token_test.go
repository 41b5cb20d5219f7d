package redislock_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/redislock"
)

const keyOfX = "pawl:quorum:{x}"

// Whoever locks next reads the highest token from a node of the majority that has
// written it, whichever majorities these are: clocks alone would not do.
func TestQuorumTokensRise(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 5)
	d := all.open(t, nil)
	last := uint64(time.Now().Add(time.Hour).UnixMicro()) // as if a clock had been wrong
	for _, node := range []int{0, 1, 2} {
		must(t, rawClient(t, all[node]).HSet(t.Context(), "pawl:quorum:{x}", "t", last).Err())
	}
	for _, away := range [][]int{{0, 1}, {3, 4}, {1, 2}, {0, 4}, {2, 3}, {0, 1}} {
		resume := all.pause(t, away...)
		lease := acquire(t, d, request("x"))
		if lease.Token <= last {
			t.Errorf("token %d after %d, with nodes %v away", lease.Token, last, away)
		}
		last = lease.Token
		must(t, d.Release(t.Context(), lease.Request))
		resume()
	}
}

// Tokens also rise when one node after the other loses its data.
func TestQuorumTokensRiseAcrossLosses(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	d := all.open(t, nil)
	var last uint64
	for i := range 9 {
		all[i%3].Kill()
		lease := acquire(t, d, request("x"))
		if lease.Token <= last {
			t.Errorf("token %d after %d", lease.Token, last)
		}
		last = lease.Token
		if i%2 == 0 {
			must(t, d.Release(t.Context(), lease.Request))
		} else {
			must(t, d.(driver.Breaker).Force(t.Context(), "x"))
		}
		must(t, all[i%3].Start())
	}
}

// beforeConfirm does something once, before the first token is written.
type beforeConfirm struct {
	once *sync.Once
	do   func()
}

func (beforeConfirm) DialHook(next redis.DialHook) redis.DialHook { return next }

func (beforeConfirm) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h beforeConfirm) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if slices.Contains(cmd.Args(), any("confirm")) {
			h.once.Do(h.do)
		}
		return next(ctx, cmd)
	}
}

// openBeforeConfirm returns a driver that calls do between the votes and the token.
func (n nodes) openBeforeConfirm(t *testing.T, do func()) driver.Driver {
	t.Helper()
	hook := beforeConfirm{once: new(sync.Once), do: do}
	var clients []redis.UniversalClient
	for _, server := range n {
		rdb := rawClient(t, server)
		rdb.AddHook(hook)
		clients = append(clients, rdb)
	}
	d, err := redislock.NewQuorum(clients, &redislock.Options{Durable: true})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// A token that is not above those that a majority has accepted meanwhile is accepted by
// none of it.
func TestQuorumTokenTooLow(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	last := uint64(time.Now().Add(time.Hour).UnixMicro())
	d := all.openBeforeConfirm(t, func() {
		for _, server := range all {
			must(t, rawClient(t, server).HSet(t.Context(), keyOfX, "t", last).Err())
		}
	})
	if lease := acquire(t, d, request("x")); lease.Token <= last {
		t.Errorf("token %d after %d", lease.Token, last)
	}
}

// Who has lost the majority before the token was written gets no lease.
func TestQuorumTokenTooLate(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	d := all.openBeforeConfirm(t, func() {
		for _, server := range all[:2] {
			must(t, rawClient(t, server).HSet(t.Context(), keyOfX, "h", "somebody else").Err())
		}
	})
	_, err := d.Acquire(t.Context(), request("x", noWait))
	wantErr(t, "Acquire", err, driver.ErrHeld)
	within20s(t, "the end of what it had got", func() bool { return all.holder(t, 2, "x") == "" })
}

// One at a time, with rising tokens, while any minority hangs and goes on.
func TestQuorumExclusionWhileNodesHang(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 5)
	const workers, times = 4, 40
	var group sync.WaitGroup
	var inside, last atomic.Uint64
	for range workers {
		d := all.open(t, nil)
		group.Go(func() {
			for range times {
				req := request("x")
				lease, err := d.Acquire(t.Context(), req)
				for errors.Is(err, driver.ErrUnavailable) { // a majority hung for a moment
					must(t, d.Release(t.Context(), req))
					req = request("x")
					lease, err = d.Acquire(t.Context(), req)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !inside.CompareAndSwap(0, lease.Token) {
					t.Errorf("token %d beside %d", lease.Token, inside.Load())
				}
				if before := last.Swap(lease.Token); before >= lease.Token {
					t.Errorf("token %d after %d", lease.Token, before)
				}
				inside.Store(0)
				if err := d.Release(t.Context(), req); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for hung := 0; ; hung++ {
		which := rand.Perm(5)[:2]
		resume := all.pause(t, which...)
		select {
		case <-time.After(rand.N(150 * time.Millisecond)):
			resume()
		case <-done:
			resume()
			t.Logf("%d minorities hung", hung)
			return
		}
	}
}
