package main

import (
	"context"
	"time"
)

// scenario is what each contender does in its turns.
type scenario struct {
	name    string
	what    string                // for the table's reader
	on      names                 // the backends that it is for; nil is all
	only    func(*contender) bool // nil when it is for every contender
	once    bool                  // one turn is enough
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
	server    server
	stretch   time.Duration // how long to measure
}

func (t *turn) open(ctx context.Context) (locker, error) { return t.contender.open(ctx, t.server.url) }

// scenarios are in the order of the table. Each has a file of its own.
var scenarios = []*scenario{&ownKey, &contended, &handoff, &commands, &waiting, &local, &held, &keepAlive}

// plays reports whether c has a turn.
func (sc *scenario) plays(c *contender) bool {
	return sc.on.has(c.backend) && (sc.only == nil || sc.only(c)) && names(c.plays).has(sc.name)
}
