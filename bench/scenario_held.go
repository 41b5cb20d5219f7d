package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/redis/go-redis/v9"
)

const heldLocks = 10_000

var held = scenario{
	name:    "held",
	what:    "10,000 locks that one client holds; script calls for renewals over one TTL, and the client's share of a core; one turn",
	on:      names{"redis"},
	only:    func(c *contender) bool { return c.renewed > 0 },
	once:    true,
	metrics: []metric{{"renewal calls", "per TTL"}, {"client's CPU", "% of a core"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		l, err := t.open(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		unlock, err := holdMany(ctx, l, "order", heldLocks)
		if err != nil {
			return nil, err
		}
		defer unlock()
		return t.observeTTL(ctx)
	},
}

// observeTTL looks at one TTL, after half of one in which the renewals find their
// rhythm.
func (t *turn) observeTTL(ctx context.Context) (figures, error) {
	rdb, err := goRedis(t.server.url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rdb.Close() }()
	ttl := t.contender.renewed
	if err := pass(ctx, ttl/2); err != nil {
		return nil, err
	}
	calls, err := scriptCalls(ctx, rdb)
	if err != nil {
		return nil, err
	}
	cpu := cpuTime()
	if err := pass(ctx, ttl); err != nil {
		return nil, err
	}
	cpu = cpuTime() - cpu
	after, err := scriptCalls(ctx, rdb)
	return figures{"renewal calls": float64(after - calls), "client's CPU": 100 * cpu.Seconds() / ttl.Seconds()}, err
}

// holdMany takes n locks and returns what gives them back.
func holdMany(ctx context.Context, l locker, prefix string, n int) (unlockAll func(), err error) {
	unlocks := make([]func() error, n)
	var group errgroup.Group // without a context: its end would be that of the holding
	group.SetLimit(64)
	for i := range unlocks {
		group.Go(func() (err error) {
			unlocks[i], err = l.Lock(ctx, fmt.Sprintf("%s:%d", prefix, i))
			return err
		})
	}
	return func() { forAll(unlocks) }, group.Wait()
}

// forAll does not tell of errors: what was to be measured is measured.
func forAll(unlocks []func() error) {
	var group errgroup.Group
	group.SetLimit(64)
	for _, unlock := range unlocks {
		group.Go(unlock)
	}
	_ = group.Wait()
}

// scriptCalls counts calls of scripts, which no script can make itself.
func scriptCalls(ctx context.Context, rdb *redis.Client) (int, error) {
	info, err := rdb.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	total := 0
	for line := range strings.Lines(info) {
		command, rest, _ := strings.Cut(line, ":calls=")
		calls, _, _ := strings.Cut(rest, ",")
		if command == "cmdstat_evalsha" || command == "cmdstat_eval" {
			n, _ := strconv.Atoi(calls)
			total += n
		}
	}
	return total, nil
}
