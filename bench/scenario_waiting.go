package main

import (
	"context"
	"sync"
	"time"
)

const waitingClients = 20

var waiting = scenario{
	name:    "waiting",
	what:    "20 clients wait for a key that another one holds on to; statements that each sends",
	on:      names{"mysql", "mariadb"},
	only:    func(c *contender) bool { return c.name == ours },
	metrics: []metric{{"each waiter", "statements/s"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		lockers, err := t.openMany(ctx, 1+waitingClients)
		defer closeAll(lockers)
		if err != nil {
			return nil, err
		}
		unlock, err := lockers[0].Lock(ctx, "stock:42")
		if err != nil {
			return nil, err
		}
		each, err := t.watchWaiters(ctx, lockers[1:])
		if err != nil {
			return nil, err
		}
		return figures{"each waiter": each}, unlock()
	},
}

// watchWaiters counts when all have waited for a second. The few statements that renew
// the holder's lease count too.
func (t *turn) watchWaiters(ctx context.Context, lockers []locker) (each float64, err error) {
	waiting, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for _, l := range lockers {
		group.Go(func() {
			if unlock, err := l.Lock(waiting, "stock:42"); err == nil {
				_ = unlock() // just before the cancel
			}
		})
	}
	if err := pass(ctx, time.Second); err != nil {
		return 0, err
	}
	sent, err := t.requestsIn(ctx, t.stretch)
	return sent / t.stretch.Seconds() / float64(len(lockers)), err
}

// requestsIn returns what the clients have sent to the server in d.
func (t *turn) requestsIn(ctx context.Context, d time.Duration) (float64, error) {
	before, err := t.server.requests(ctx)
	if err != nil {
		return 0, err
	}
	if err := pass(ctx, d); err != nil {
		return 0, err
	}
	after, err := t.server.requests(ctx)
	return after - before, err
}
