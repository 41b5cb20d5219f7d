package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A count ends after so many acquisitions, or when the stretch is over: where every
// release wakes everybody, 500 waiters are slow.
const acquisitionsCounted = 2000

var commands = scenario{
	name:    "commands",
	what:    "as many clients as waiters want one key, held for 1 ms; commands that they send, not those inside of scripts, for each acquisition; one turn",
	on:      names{"redis"},
	once:    true,
	metrics: []metric{{"50 waiters", "commands"}, {"500 waiters", "commands"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		few, err := t.commandsEach(ctx, 50)
		if err != nil {
			return nil, err
		}
		many, err := t.commandsEach(ctx, 500)
		return figures{"50 waiters": few, "500 waiters": many}, err
	},
}

// commandsEach returns the commands for each acquisition with so many waiters.
func (t *turn) commandsEach(ctx context.Context, waiters int) (each float64, err error) {
	lockers, err := t.openMany(ctx, waiters)
	defer closeAll(lockers)
	if err != nil {
		return 0, err
	}
	crowd := crowd{lockers: lockers, name: fmt.Sprintf("stock:%d", waiters)}
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group.Go(func() error { return crowd.want(ctx) })
	group.Go(func() error {
		defer end(&crowd.stop, cancel)
		each, err = crowd.count(ctx, t)
		return err
	})
	return each, group.Wait()
}

// openMany opens lockers, which are connected and have loaded their scripts.
func (t *turn) openMany(ctx context.Context, n int) (lockers []locker, err error) {
	for i := range n {
		l, err := t.open(ctx)
		if err != nil {
			return lockers, err
		}
		lockers = append(lockers, l)
		if err := cycle(ctx, l, fmt.Sprintf("warm:%d", i)); err != nil {
			return lockers, err
		}
	}
	return lockers, nil
}

func closeAll(lockers []locker) {
	for _, l := range lockers {
		_ = l.Close()
	}
}

// crowd is many clients that want one key.
type crowd struct {
	lockers []locker
	name    string
	stop    atomic.Bool
	held    atomic.Int64
}

func (c *crowd) want(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range c.lockers {
		group.Go(func() error {
			for !c.stop.Load() {
				unlock, err := l.Lock(ctx, c.name)
				if err != nil {
					return unless(&c.stop, err)
				}
				c.held.Add(1)
				time.Sleep(hold)
				if err := unlock(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// count counts when all stand in line, which takes a second for those who are slowest.
func (c *crowd) count(ctx context.Context, t *turn) (float64, error) {
	if err := pass(ctx, time.Second); err != nil {
		return 0, err
	}
	m, err := watch(ctx, t.server.url)
	if err != nil {
		return 0, err
	}
	before := c.held.Load()
	for end := time.Now().Add(max(t.stretch, 5*time.Second)); time.Now().Before(end) && c.held.Load()-before < acquisitionsCounted; {
		if err := pass(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
	held := c.held.Load() - before
	sent, err := m.stop()
	return float64(sent) / float64(max(held, 1)), err
}
