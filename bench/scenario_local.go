package main

import "context"

var local = scenario{
	name:    "local",
	what:    "100 goroutines of one client want one key, with nothing to do under it",
	on:      names{"redis", "zookeeper", "etcd"},
	metrics: []metric{{"acquisitions", "per s"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		l, err := t.open(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		if err := warm(ctx, l, "warm", 100); err != nil {
			return nil, err
		}
		perSecond, err := rate(ctx, 100, t.stretch, func(ctx context.Context, _ int) error { return cycle(ctx, l, "stock:42") })
		return figures{"acquisitions": perSecond}, err
	},
}
