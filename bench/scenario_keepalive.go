package main

import (
	"context"
	"time"
)

// keepAliveFor is more than the time between two renewals of a session or lease. What
// there is to do once after the locks were taken is over after keepAliveSettle.
const (
	keepAliveFor    = 10 * time.Second
	keepAliveSettle = 3 * time.Second
)

var keepAlive = scenario{
	name:    "keep-alive",
	what:    "what one client sends in 10 s that holds one lock, and 10,000; one turn, since it hardly varies",
	on:      names{"zookeeper", "etcd"},
	only:    func(c *contender) bool { return c.renewed > 0 },
	once:    true,
	metrics: []metric{{"1 lock", "requests"}, {"10,000 locks", "requests"}, {"growth", "requests"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		l, err := t.open(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		one, err := t.sentHolding(ctx, l, 1)
		if err != nil {
			return nil, err
		}
		many, err := t.sentHolding(ctx, l, heldLocks)
		return figures{"1 lock": one, "10,000 locks": many, "growth": many - one}, err
	},
}

func (t *turn) sentHolding(ctx context.Context, l locker, locks int) (float64, error) {
	unlock, err := holdMany(ctx, l, "order", locks)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := pass(ctx, keepAliveSettle); err != nil {
		return 0, err
	}
	return t.requestsIn(ctx, keepAliveFor)
}
