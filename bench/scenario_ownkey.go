package main

import (
	"context"
	"fmt"
)

var ownKey = scenario{
	name:    "own-key",
	what:    "workers of one client, each locks and unlocks a key of its own",
	metrics: []metric{{"64 workers", "cycles/s"}, {"1 worker", "cycles/s"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		l, err := t.open(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		if err := warm(ctx, l, "order", 64); err != nil {
			return nil, err
		}
		many, err := rate(ctx, 64, t.stretch, ownKeyCycle(l))
		if err != nil {
			return nil, err
		}
		one, err := rate(ctx, 1, t.stretch/2, ownKeyCycle(l))
		return figures{"64 workers": many, "1 worker": one}, err
	},
}

func ownKeyCycle(l locker) func(ctx context.Context, worker int) error {
	var keys [64]string
	for i := range keys {
		keys[i] = fmt.Sprintf("order:%d", i)
	}
	return func(ctx context.Context, worker int) error { return cycle(ctx, l, keys[worker]) }
}
