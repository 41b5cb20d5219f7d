package sqlsession

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl/driver"
)

// Release is driver.Driver's.
func (e *Engine) Release(ctx context.Context, req driver.Request) error {
	e.mu.Lock()
	if e.closing.Err() != nil {
		e.mu.Unlock()
		return driver.ErrClosed
	}
	h := e.holds[req.Holder]
	if h == nil || h.state != held || h.deserted {
		e.marks.add(req.Holder, req.TTL)
	}
	switch {
	case h == nil:
		e.mu.Unlock()
		return nil
	case h.state != held:
		e.desert(h)
		e.mu.Unlock()
		return e.settled(ctx, h)
	}
	o := e.giveBack(h)
	e.mu.Unlock()
	select {
	case <-o.done:
		if errors.Is(o.err, ErrGone) {
			return nil // and the lock with the session
		}
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled waits until nothing is left of h.
func (e *Engine) settled(ctx context.Context, h *hold) error {
	select {
	case <-h.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing.Done():
		return driver.ErrClosed
	}
}

// Renew is driver.Driver's: one keep-alive for each session that leases hang on, at the
// same time.
func (e *Engine) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	alive := make(map[*session]*op)
	e.mu.Lock()
	for i := range leases {
		h := e.holds[leases[i].Holder]
		switch {
		case e.closing.Err() != nil:
			renewals[i].Err = driver.ErrClosed
		case !h.renewable():
			renewals[i].Err = fmt.Errorf("its session has ended, or it was not renewed in time: %w", driver.ErrLost)
		case alive[h.session] == nil:
			o := &op{kind: keepAlive, done: make(chan struct{})}
			alive[h.session] = o
			h.session.add(o)
		}
	}
	e.mu.Unlock()
	err := landed(ctx, alive)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range leases {
		if renewals[i].Err == nil {
			renewals[i] = e.renewal(leases[i].Holder, alive, err)
		}
	}
	return renewals
}

func (h *hold) renewable() bool { return h != nil && h.state == held && h.giving == nil }

// landed waits for all ops, and returns the error of ctx when that ends first.
func landed(ctx context.Context, ops map[*session]*op) error {
	for _, o := range ops {
		select {
		case <-o.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// renewal says what a keep-alive means for one lease. Those of sessions that have answered
// are renewed although ctx has ended. mu is held.
func (e *Engine) renewal(holder string, alive map[*session]*op, ended error) driver.Renewal {
	h := e.holds[holder]
	if !h.renewable() {
		return driver.Renewal{Err: fmt.Errorf("its session has ended: %w", driver.ErrLost)}
	}
	o := alive[h.session]
	select {
	case <-o.done:
		if o.err != nil {
			return driver.Renewal{Err: o.err}
		}
	default:
		return driver.Renewal{Err: ended}
	}
	h.trust(o.sent)
	return driver.Renewal{Until: h.until}
}
