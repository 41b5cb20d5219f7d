package main

import (
	"context"
	"time"
)

// scenario is what each contender does in its turns.
type scenario struct {
	name    string
	what    string                // for the table's reader
	backend string                // "" when it is for every backend
	only    func(*contender) bool // nil when it is for every contender
	metrics []metric
	play    func(ctx context.Context, t *turn) (figures, error)
}

// metric is one figure of a scenario.
type metric struct{ name, unit string }

// figures are by the names of metrics.
type figures map[string]float64

// turn is one contender playing one scenario once.
type turn struct {
	contender *contender
	url       string
	stretch   time.Duration // how long to measure
}

func (t *turn) open(ctx context.Context) (locker, error) { return t.contender.open(ctx, t.url) }

// scenarios are in the order of the table. Each has a file of its own.
var scenarios = []*scenario{&ownKey, &contended, &handoff, &commands, &local, &held}
