package main

import (
	"context"
	"errors"
	"sync"
)

// A handle is what can hold one lock at a time, such as a connection.
type handle interface {
	lock(ctx context.Context, name string) error
	unlock(name string) error
	close() error
}

// apiece is a locker with a handle for each lock that is held or waited for: as many as
// there are workers.
type apiece struct {
	open   func(ctx context.Context) (handle, error)
	closer func() error // of what the handles share; may be nil

	mu   sync.Mutex
	idle []handle
}

func (a *apiece) Lock(ctx context.Context, name string) (func() error, error) {
	h, err := a.take(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.lock(ctx, name); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return func() error {
		if err := h.unlock(name); err != nil {
			return errors.Join(err, h.close())
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.idle = append(a.idle, h)
		return nil
	}, nil
}

func (a *apiece) take(ctx context.Context) (handle, error) {
	a.mu.Lock()
	last := len(a.idle) - 1
	if last < 0 {
		a.mu.Unlock()
		return a.open(ctx)
	}
	defer a.mu.Unlock()
	h := a.idle[last]
	a.idle = a.idle[:last]
	return h, nil
}

func (a *apiece) Close() (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.idle {
		err = errors.Join(err, h.close())
	}
	a.idle = nil
	if a.closer != nil {
		err = errors.Join(err, a.closer())
	}
	return err
}
