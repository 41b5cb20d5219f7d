//go:build unix

package main

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl"
)

// A runner is one "pawl run".
type runner struct {
	*runOptions
	prog    program
	outer   []heldLock
	box     *inbox
	renewed chan struct{} // has something when a lock was renewed
	client  *pawl.Client
	rawURL  string
}

// run takes the locks and runs the command.
func (o *runOptions) run() error {
	r := &runner{runOptions: o, box: listen(), renewed: make(chan struct{}, 1)}
	var err error
	if r.prog, err = o.program(); err != nil {
		return err
	}
	if r.outer, err = outerLocks(); err != nil {
		return err
	}
	locks, err := r.lock()
	if err == nil {
		err = r.under(locks)
	} else {
		r.box.endOnSignal()
	}
	if r.client != nil {
		disconnect(r.client)
	}
	return err
}

// lock takes the locks. A signal leaves the line and ends pawl.
func (r *runner) lock() (*pawl.Locks, error) {
	ctx, stop := r.box.untilSignal()
	locks, err := r.lockUntil(ctx)
	stop()
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		if locks != nil {
			_ = locks.Unlock() // what is not confirmed runs out
		}
		return nil, sig.exit("waiting for " + r.naming())
	}
	return locks, err
}

func (r *runner) lockUntil(ctx context.Context) (*pawl.Locks, error) {
	var err error
	r.client, r.rawURL, err = connect(ctx, r.backend, &pawl.Options{Owner: owner(), Observer: pawl.ObserverFunc(r.observe)})
	if err != nil {
		return nil, err
	}
	if err := refuseItself(r.outer, identity(r.rawURL), r.names); err != nil {
		return nil, err
	}
	locks, err := r.client.LockAll(ctx, r.wants()...)
	if err != nil {
		return nil, r.lockError(err)
	}
	return locks, nil
}

func (r *runner) observe(e pawl.Event) {
	if e.Kind != pawl.Renewed {
		return
	}
	select {
	case r.renewed <- struct{}{}:
	default:
	}
}

// under runs the command under locks and gives them back.
func (r *runner) under(locks *pawl.Locks) error {
	s := &supervisor{runner: r, locks: locks}
	if err := s.start(); err != nil {
		s.tty.close()
		if unlockErr := r.giveBack(locks); unlockErr != nil {
			say("%v", unlockErr)
		}
		return err
	}
	s.watch()
	s.tty.close()
	s.guard.dismiss()
	err := r.giveBack(locks)
	s.guard.bury()
	return s.exit(err)
}

// giveBack unlocks locks. When the backend hangs that takes up to their TTL, and a
// signal ends it.
func (r *runner) giveBack(locks *pawl.Locks) error {
	r.box.endOnSignal()
	return locks.Unlock()
}

// headStart is how long before the trust deadline the group is killed: the margin of
// trust alone may be shorter than what a busy machine takes for that.
const headStart = 50 * time.Millisecond

// deadline is when nothing of the group may live any more: a little before the first
// of locks may not be believed in.
func (r *runner) deadline(locks *pawl.Locks) time.Time {
	return until(locks).Add(-min(headStart, r.ttl/20))
}

// until is when the first of locks may not be believed in any more.
func until(locks *pawl.Locks) time.Time {
	var first time.Time
	for i, lock := range locks.All() {
		if t := lock.Until(); i == 0 || t.Before(first) {
			first = t
		}
	}
	return first
}
