package zklock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// within calls do in a goroutine of its own, because calls of go-zookeeper end when there
// is a connection again and not with a context, and returns when ctx or the driver
// ends.
func within[T any](ctx context.Context, d *ensemble, do func(ctx context.Context, s *session) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	got := make(chan result, 1)
	limited, cancel := context.WithTimeout(ctx, d.opts.Timeout)
	defer cancel()
	var none T
	if !d.begin(func() {
		var r result
		s, err := d.session(limited)
		if err == nil {
			r.value, err = do(limited, s)
		}
		r.err = err
		got <- r
	}) {
		return none, driver.ErrClosed
	}
	select {
	case r := <-got:
		if r.err != nil && ctx.Err() != nil {
			return none, ctx.Err()
		}
		return r.value, r.err
	case <-d.base.Done():
		return none, driver.ErrClosed
	case <-limited.Done():
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		return none, fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, d.opts.Timeout)
	}
}

// Renew proves with one request that the session lives, for all leases that hang on it.
// Watches tell of those whose nodes were deleted or broken; what a watch has told is on
// this side before the answer to a request that came after.
//
// A lease of another client is looked at and not extended, which only its session can.
func (d *ensemble) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	var err error
	if d.holdsAny(leases) {
		_, err = within(ctx, d, func(ctx context.Context, s *session) (none struct{}, err error) {
			return none, s.retry(ctx, s.prove)
		})
	}
	_ = inParallel(len(leases), func(i int) error {
		if renewals[i].Err = err; err == nil || errors.Is(err, errSessionOver) {
			renewals[i] = d.renew(ctx, leases[i])
		}
		return nil
	})
	return renewals
}

// holdsAny reports whether one of leases hangs on the session.
func (d *ensemble) holdsAny(leases []driver.Lease) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range leases {
		if e := d.entries[leases[i].Holder]; e != nil && e.state == granted {
			return true
		}
	}
	return false
}

// renew extends one lease on the latest proof.
func (d *ensemble) renew(ctx context.Context, lease driver.Lease) driver.Renewal {
	d.mu.Lock()
	e := d.entries[lease.Holder]
	changed := e != nil && e.state == granted && (e.changed == nil || happened(e.changed))
	d.mu.Unlock()
	if e == nil {
		return d.renewOthers(ctx, lease)
	}
	if changed {
		if err := e.verify(ctx); err != nil {
			return driver.Renewal{Err: err}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return driver.Renewal{Err: driver.ErrClosed}
	case e.state != granted:
		return driver.Renewal{Err: driver.ErrLost}
	case e.broken:
		return driver.Renewal{Err: errBroken}
	}
	if until := e.s.contact.until(e.req.TTL); until.After(e.lease.Until) {
		e.lease.Until = until // the timer finds out when it fires
	}
	return driver.Renewal{Until: e.lease.Until}
}

var errBroken = fmt.Errorf("%w: it was broken", driver.ErrLost)

// renewOthers tells whether a lease of another client is still held.
func (d *ensemble) renewOthers(ctx context.Context, lease driver.Lease) driver.Renewal {
	_, err := within(ctx, d, func(ctx context.Context, s *session) (none struct{}, err error) {
		holders, err := s.holders(ctx, lease.Name)
		if err != nil {
			return none, err
		}
		for _, n := range holders {
			switch {
			case n.id() != lease.Holder:
			case n.Broken:
				return none, errBroken
			default:
				return none, nil
			}
		}
		return none, driver.ErrLost
	})
	return driver.Renewal{Until: lease.Until, Err: err}
}

// verify looks at a node that has changed, or that is not watched yet, and watches it.
func (e *entry) verify(ctx context.Context) error {
	type view struct {
		data    []byte
		changed <-chan zk.Event
	}
	path := e.places[len(e.places)-1].path
	v, err := within(ctx, e.d, func(ctx context.Context, _ *session) (v view, err error) {
		return v, e.s.retry(ctx, func() (err error) {
			v.data, _, v.changed, err = e.s.conn.GetW(path)
			return err
		})
	})
	d := e.d
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(err, zk.ErrNoNode):
		if e.state == granted {
			e.over(false)
		}
		return lostIfGone(err)
	case err != nil:
		return d.explain(err, path)
	}
	r, _ := readRecord(v.data)
	e.broken, e.changed = e.broken || r.Broken, v.changed
	return nil
}

func (d *ensemble) Release(ctx context.Context, req driver.Request) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return driver.ErrClosed
	}
	d.used = time.Now()
	e := d.entries[req.Holder]
	switch {
	case e == nil:
		d.mu.Unlock()
		return d.releaseOthers(ctx, req)
	case e.state == granted:
		e.stop()
		e.state = leaving
		d.work.Go(func() {
			e.leave()
			e.finish(true)
		})
	case e.state == working:
		e.abandoned, e.released = true, true
		e.cancel()
	default:
		e.released = true
	}
	d.mu.Unlock()
	select {
	case <-e.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.base.Done():
		return driver.ErrClosed
	}
}

// releaseOthers releases a holder id that this client has never used, and marks it.
func (d *ensemble) releaseOthers(ctx context.Context, req driver.Request) error {
	_, err := within(ctx, d, func(ctx context.Context, s *session) (none struct{}, err error) {
		dir := d.dir(req.Name)
		if err := s.mark(ctx, dir, req.Holder); err != nil {
			return none, err
		}
		if req.Slots == 0 {
			return none, s.deleteAll(ctx, dir, req.Holder)
		}
		return none, errors.Join(s.deleteAll(ctx, dir+"/"+locksFolder, req.Holder), s.deleteAll(ctx, dir+"/"+leasesFolder, req.Holder))
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.entries[req.Holder] == nil && !d.closed {
		e := &entry{d: d, req: req, state: over, released: true, gone: make(chan struct{})}
		close(e.gone)
		d.entries[req.Holder] = e
		e.remember()
	}
	return nil
}

// deleteAll deletes the nodes of holder in dir, of any session.
func (s *session) deleteAll(ctx context.Context, dir, holder string) error {
	return s.retry(ctx, func() error {
		children, err := s.fresh(dir)
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		for _, child := range children {
			if strings.HasPrefix(child, prefixOf(holder)) {
				if err := s.conn.Delete(dir+"/"+child, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
					return s.d.explain(err, dir)
				}
			}
		}
		return s.d.explain(err, dir)
	})
}

// mark puts a node beside the line by which an Acquire of holder that is still on its
// way learns that it was given up. It stays for one TTL, or until the session ends.
func (s *session) mark(ctx context.Context, dir, holder string) error {
	path := dir + "/" + goneNode(holder)
	err := s.retry(ctx, func() error {
		_, err := s.conn.Create(path, nil, zk.FlagEphemeral, s.d.opts.ACL)
		switch {
		case errors.Is(err, zk.ErrNodeExists):
			return nil
		case errors.Is(err, zk.ErrNoNode):
			if err := s.ensure(ctx, dir); err != nil {
				return err
			}
			return zk.ErrConnectionClosed // once more
		}
		return s.d.explain(err, dir)
	})
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && !d.closed && d.marks[path] == nil {
		d.marks[path] = time.AfterFunc(d.timeout, func() { d.unmark(s, path) })
	}
	return err
}

// unmark deletes a mark.
func (d *ensemble) unmark(s *session, path string) {
	d.begin(func() {
		_ = s.delete(context.Background(), path)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.marks, path)
	})
}
