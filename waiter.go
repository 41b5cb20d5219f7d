package pawl

import (
	"context"
	"time"
)

// A waiter is one goroutine in a lineup. Client.mu guards it until ready is closed.
type waiter struct {
	ctx        context.Context
	since      time.Time
	ready      chan struct{} // closed when lock or err is set
	lock       *Lock
	err        error
	prev, next *waiter
}

// finish ends the waiting with lock or err.
func (w *waiter) finish(lock *Lock, err error) {
	w.lock, w.err = lock, err
	close(w.ready)
}

// waiterList is a line of waiters.
type waiterList struct{ first, last *waiter }

// append puts a new waiter at the end of the line.
func (q *waiterList) append(ctx context.Context, since time.Time) *waiter {
	return q.insert(ctx, since, q.last, nil)
}

// prepend puts a new waiter at the head of the line.
func (q *waiterList) prepend(ctx context.Context, since time.Time) *waiter {
	return q.insert(ctx, since, nil, q.first)
}

func (q *waiterList) insert(ctx context.Context, since time.Time, prev, next *waiter) *waiter {
	w := &waiter{ctx: ctx, since: since, ready: make(chan struct{}), prev: prev, next: next}
	q.link(prev, w)
	q.link(w, next)
	return w
}

// remove takes w, which is in the line, out of it.
func (q *waiterList) remove(w *waiter) {
	q.link(w.prev, w.next)
	w.prev, w.next = nil, nil
}

// link makes next follow prev, where nil is either end of the line.
func (q *waiterList) link(prev, next *waiter) {
	if prev == nil {
		q.first = next
	} else {
		prev.next = next
	}
	if next == nil {
		q.last = prev
	} else {
		next.prev = prev
	}
}
