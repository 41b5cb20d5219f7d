package zklock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// state is how far a request has come.
type state uint8

const (
	working state = iota // it is on its way, or in line
	granted              // it is a lease
	leaving              // its nodes are being deleted
	over                 // it has none any more
)

// entry is a request of this client, from its Acquire until its nodes are gone. One
// goroutine works for it until it is granted or has failed; ensemble.mu guards what
// others look at.
type entry struct {
	d      *ensemble
	req    driver.Request
	ctx    context.Context // of the work; ends when nobody wants the result any more
	cancel context.CancelFunc
	places []*place // its nodes; the goroutine's own until done, and then those of whoever deletes them

	done chan struct{} // closed when the work has ended, and err is set where it has failed
	gone chan struct{} // closed when it is over
	err  error

	state     state
	abandoned bool // nobody wants the result of the work
	released  bool // Release was called for it: no Acquire of it may succeed any more
	broken    bool // it may not be renewed any more
	lease     driver.Lease
	s         *session        // on which the lease hangs
	changed   <-chan zk.Event // tells of changes to its node; nil before the first renewal where it did not wait
	timer     *time.Timer     // ends the lease, or the memory of it
}

// enter returns the entry of req: a new one that is at work, or one that is granted.
func (d *ensemble) enter(ctx context.Context, req driver.Request) (*entry, error) {
	for {
		e, earlier, err := d.register(req)
		if earlier == nil {
			return e, err
		}
		select {
		case <-earlier: // what its caller had given up is being cleaned up
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// register is one try of enter. earlier is not nil when another try has to wait for it.
func (d *ensemble) register(req driver.Request) (e *entry, earlier <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, driver.ErrClosed
	}
	d.used = time.Now()
	switch e = d.entries[req.Holder]; {
	case e == nil:
	case e.released:
		return nil, nil, fmt.Errorf("%w: it was given up", driver.ErrLost)
	case e.state == granted:
		return e, nil, nil
	case e.state != over:
		return nil, e.gone, nil
	default:
		e.stop()
	}
	e = &entry{d: d, req: req, done: make(chan struct{}), gone: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(d.base)
	d.entries[req.Holder] = e
	d.work.Go(e.run)
	return e, nil, nil
}

// run works for the entry until it is granted or has failed, and cleans up in that case.
// It goes on when its caller has given up, to know what there is to clean up.
func (e *entry) run() {
	defer e.cancel()
	lease, err := e.work()
	if err == nil && e.grant(lease) {
		close(e.done)
		return
	}
	e.leave()
	e.err = err
	e.finish(refused(err))
	close(e.done)
}

// refused reports whether err says that a request came to nothing, so that its Release
// will not come.
func refused(err error) bool {
	return errors.Is(err, driver.ErrHeld) || errors.Is(err, driver.ErrInvalidOption)
}

// grant makes the entry a lease, unless nobody wants it any more.
func (e *entry) grant(lease driver.Lease) bool {
	d := e.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.abandoned || d.closed || e.s.over() {
		return false
	}
	e.lease, e.state = lease, granted
	e.changed = e.places[len(e.places)-1].changed
	e.timer = time.AfterFunc(time.Until(lease.Until), e.expire)
	return true
}

// await returns the lease, or why there is none, or gives up when ctx ends.
func (e *entry) await(ctx context.Context) (driver.Lease, error) {
	var late <-chan time.Time
	if e.req.NoWait {
		timer := time.NewTimer(e.d.opts.Timeout)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case <-e.done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-e.d.base.Done():
		err = driver.ErrClosed
	case <-late:
		err = fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, e.d.opts.Timeout)
	}
	e.d.mu.Lock()
	defer e.d.mu.Unlock()
	switch {
	case e.state == granted:
		return e.lease, nil
	case err == nil && e.err != nil:
		return driver.Lease{}, e.err
	case err == nil:
		return driver.Lease{}, fmt.Errorf("%w: its session has ended", driver.ErrLost)
	}
	e.abandoned = true
	e.cancel()
	return driver.Lease{}, err
}

// expire ends a lease that was not renewed. Its session goes on, so that nobody else
// would.
func (e *entry) expire() {
	d := e.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.state != granted || d.closed {
		return
	}
	if left := time.Until(e.lease.Until); left > 0 {
		e.timer.Reset(left)
		return
	}
	e.state = leaving
	d.work.Go(func() {
		e.leave()
		e.finish(false)
	})
}

// stop stops the timer. ensemble.mu is held.
func (e *entry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// finish makes the entry over. It is remembered for one TTL, as what Release may have
// to find, unless forget says that nothing will ask for it.
func (e *entry) finish(forget bool) {
	e.d.mu.Lock()
	defer e.d.mu.Unlock()
	e.over(forget)
}

// over is finish; ensemble.mu is held.
func (e *entry) over(forget bool) {
	e.stop()
	e.state = over
	close(e.gone)
	if forget {
		delete(e.d.entries, e.req.Holder)
		return
	}
	e.remember()
}

// remember keeps an entry that is over for one TTL. ensemble.mu is held.
func (e *entry) remember() {
	d := e.d
	if d.closed {
		return
	}
	e.timer = time.AfterFunc(d.timeout, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.entries[e.req.Holder] == e {
			delete(d.entries, e.req.Holder)
		}
	})
}

// sessionOver ends all leases that hang on s.
func (d *ensemble) sessionOver(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if e.state == granted && e.s == s {
			e.over(false)
		}
	}
}

// leave deletes the nodes of the entry, the last one first, and retries until it is
// certain or their session has ended, which deletes them too.
func (e *entry) leave() {
	for i := len(e.places) - 1; i >= 0; i-- {
		e.places[i].remove()
	}
	e.places = nil
}
