package main

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// rate returns how often per second workers do something, in a stretch that begins
// when they are warm.
func rate(ctx context.Context, workers int, stretch time.Duration, do func(ctx context.Context, worker int) error) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	counts := make([]struct {
		atomic.Int64
		_ [56]byte // a cache line each
	}, workers)
	total := func() (sum int64) {
		for i := range counts {
			sum += counts[i].Load()
		}
		return sum
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stop atomic.Bool
	for i := range workers {
		group.Go(func() error {
			for !stop.Load() {
				if err := do(ctx, i); err != nil {
					return unless(&stop, err)
				}
				counts[i].Add(1)
			}
			return nil
		})
	}
	var perSecond float64
	group.Go(func() error {
		defer end(&stop, cancel)
		if err := pass(ctx, stretch/5); err != nil {
			return err
		}
		before, start := total(), time.Now()
		err := pass(ctx, stretch)
		perSecond = float64(total()-before) / time.Since(start).Seconds()
		return err
	})
	return perSecond, group.Wait()
}

// end lets workers come to their end, those that are stuck after the grace.
func end(stop *atomic.Bool, cancel func()) {
	stop.Store(true)
	time.AfterFunc(grace, cancel)
}

// unless returns err, or nil when the end has come before.
func unless(stop *atomic.Bool, err error) error {
	if stop.Load() {
		return nil
	}
	return err
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
