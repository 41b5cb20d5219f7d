package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/pawl-go/pawl/internal/dedupe"
)

// hands are the contexts of work that is done in batches. The first signal ends soon and
// now, which are for what is between the batches; only the second one ends later, too.
type hands struct {
	soon, now, later context.Context
	got              atomic.Int32
}

// watchHands listens to signals until stop.
func watchHands(parent context.Context) (h *hands, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	later, cancelLater := context.WithCancel(parent)
	soon, cancelSoon := context.WithCancel(later)
	h = &hands{soon: soon, now: soon, later: later}
	go func() {
		for _, cancel := range []func(){cancelSoon, cancelLater} {
			select {
			case sig := <-signals:
				h.got.Store(int32(sig.(syscall.Signal)))
				cancel()
			case <-later.Done():
				return
			}
		}
	}()
	return h, func() { signal.Stop(signals); cancelSoon(); cancelLater() }
}

// orError is err, or that a signal was the reason for it.
func (h *hands) orError(err error) error {
	sig := h.got.Load()
	if err == nil {
		return nil
	}
	if sig == 0 {
		return dedupeError(err)
	}
	code := codeSignalOffset + int(sig)
	if errors.Is(err, dedupe.ErrStopped) {
		return exitWith(code, "stopped between two batches; the same command goes on from here")
	}
	return exitWith(code, "interrupted")
}
