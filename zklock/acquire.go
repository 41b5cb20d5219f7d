package zklock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

func (d *ensemble) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if err := d.check(req); err != nil {
		return driver.Lease{}, err
	}
	if ctx.Err() != nil {
		return driver.Lease{}, ctx.Err()
	}
	e, err := d.enter(ctx, req)
	if err != nil {
		return driver.Lease{}, err
	}
	lease, err := e.await(ctx)
	if err == nil {
		lease.Request = req
	}
	return lease, err
}

// check refuses what no server has to be asked for.
func (d *ensemble) check(req driver.Request) error {
	switch ttl := d.ttl(); {
	case req.Mode == driver.Shared && d.opts.Recipe != ReadWrite:
		return fmt.Errorf("shared locks with recipe=%s: want recipe=%s: %w", d.opts.Recipe, ReadWrite, driver.ErrUnsupported)
	case req.TTL != ttl:
		return invalid("TTL %v: the session fixes it at %v", req.TTL, ttl)
	}
	return nil
}

// work gets a lease. When the session ends meanwhile, it stands in line again, at the
// end, on a new one.
func (e *entry) work() (driver.Lease, error) {
	for {
		s, err := e.d.session(e.ctx)
		if err != nil {
			return driver.Lease{}, err
		}
		e.s = s
		lease, err := e.workOn(s)
		if err == nil || !s.over() || e.ctx.Err() != nil {
			return lease, err
		}
		e.places = nil // gone with the session, or about to be
	}
}

func (e *entry) workOn(s *session) (driver.Lease, error) {
	if err := s.prepare(e.ctx); err != nil {
		return driver.Lease{}, err
	}
	if e.req.NoWait && e.d.isSeenHeld(e.req.Name) {
		if err := e.peek(s); err != nil {
			return driver.Lease{}, err
		}
	}
	if e.req.Slots > 0 {
		return e.takeSlot(s)
	}
	return e.takeLock(s)
}

// takeLock stands in the line of the name until nobody is before it.
func (e *entry) takeLock(s *session) (driver.Lease, error) {
	dir := e.d.dir(e.req.Name)
	p, children, err := e.lineUp(s, dir, e.d.opts.Recipe.markOf(e.req.Mode))
	if err == nil {
		err = e.admissible(s, dir, children)
	}
	if err == nil {
		err = e.queue(s, p, children, nil)
	}
	if err != nil {
		return driver.Lease{}, err
	}
	return e.leaseOf(s, p)
}

// lineUp puts a node at the end of the line in dir, and returns the line. It is alone
// where it follows a trail, and otherwise the line is listed.
func (e *entry) lineUp(s *session, dir, mark string) (p *place, children []string, err error) {
	p = e.place(s, dir, mark)
	link, data := s.link.Load(), recordOf(e.req).bytes()
	last, been := s.trails.take(dir)
	folder := last.folder
	if s.isFresh(last) {
		p.last = last
		if err = p.create(e.ctx, data); err == nil && p.trail == nil {
			children, err = s.list(e.ctx, dir)
		}
	} else {
		children, folder, err = e.createAndList(p, data, been)
	}
	switch {
	case p.trail != nil:
		children = []string{p.node()}
	case err == nil && slices.Equal(children, []string{p.node()}) && link == s.link.Load():
		p.trail = &trail{link: link, folder: folder}
	}
	return p, children, lostIfGone(err)
}

// createAndList creates p and lists its folder, in one round trip: a session's requests are
// carried out in the order in which they are sent, so that the list that is asked for
// behind the node has it. Should it have been sent before, which shows, the line is listed
// again. A folder to which somebody comes back is also watched.
func (e *entry) createAndList(p *place, data []byte, been bool) (children []string, folder <-chan zk.Event, err error) {
	s := p.s
	var behind sync.WaitGroup
	behind.Go(func() { // it starts when this goroutine waits, and so behind its request
		children, _, _ = s.conn.Children(p.dir) // a failure is an empty list
	})
	if been {
		behind.Go(func() { folder, _ = s.watch(p.dir) })
	}
	err = p.create(e.ctx, data)
	behind.Wait()
	if err == nil && !slices.Contains(children, p.node()) {
		children, err = s.list(e.ctx, p.dir)
	}
	return children, folder, err
}

// list lists a folder.
func (s *session) list(ctx context.Context, dir string) (children []string, err error) {
	err = s.retry(ctx, func() (err error) {
		children, _, err = s.conn.Children(dir)
		return err
	})
	return children, err
}

// lostIfGone makes an error of the end of our own node: somebody has released it.
func lostIfGone(err error) error {
	if errors.Is(err, zk.ErrNoNode) {
		return fmt.Errorf("%w: its node was deleted", driver.ErrLost)
	}
	return err
}

// admissible returns why a newcomer may not stand in the line that has children, or
// nil. Two who come at the same time both look after they have come, so that at least
// one sees the other.
func (e *entry) admissible(s *session, dir string, children []string) error {
	if slices.Contains(children, goneNode(e.req.Holder)) {
		return fmt.Errorf("%w: it was given up", driver.ErrLost)
	}
	for _, child := range children {
		if k := parse(child).kind; e.d.opts.Recipe.clashes(k) {
			return invalid("in use with the other recipe (%s): this is recipe=%s", child, e.d.opts.Recipe)
		}
	}
	if !slices.Contains(children, leasesFolder) {
		return nil
	}
	for _, folder := range []string{leasesFolder, locksFolder} {
		in, err := s.list(e.ctx, dir+"/"+folder)
		switch {
		case errors.Is(err, zk.ErrNoNode):
		case err != nil:
			return err
		case len(lineOf(in)) > 0:
			return invalid("in use with slots")
		}
	}
	return nil
}

// queue waits until nobody is before p, in the line that has children at first. full, when not nil,
// says whether who does not wait need not go on.
func (e *entry) queue(s *session, p *place, children []string, full func() (bool, error)) error {
	for {
		line := lineOf(children)
		own := slices.IndexFunc(line, func(c contender) bool { return c.node == p.node() })
		if own < 0 {
			return lostIfGone(zk.ErrNoNode)
		}
		before := blocker(line, own)
		if before < 0 {
			return nil
		}
		e.d.sawHeld(e.req.Name)
		if e.req.NoWait {
			held, err := true, error(nil)
			if full != nil {
				held, err = full()
			}
			if held || err != nil {
				return errors.Join(err, s.heldError(e.ctx, p.dir, line[0]))
			}
		}
		gone, err := e.waitFor(p, p.dir+"/"+line[before].node)
		if err != nil || gone && before == 0 {
			return err // nobody was before that one, and nobody can come before us
		}
		if children, err = s.list(e.ctx, p.dir); err != nil {
			return lostIfGone(err)
		}
	}
}

// waitFor waits until the node at path, which is before p in its line, has changed or p
// has, and reports whether it is known that the other is gone and p is not. A watch on p
// tells the latter: events come in the order of what has happened, so that the end of p
// would have been told before that of the other. A new connection tells in any order what
// was missed, and then nothing is known.
func (e *entry) waitFor(p *place, path string) (gone bool, err error) {
	s := p.s
	var own sync.WaitGroup
	var errOwn error
	own.Go(func() { errOwn = p.watch() })
	var fired <-chan zk.Event
	err = s.retry(e.ctx, func() (err error) {
		fired, err = s.watch(path)
		return err
	})
	own.Wait()
	switch {
	case errors.Is(err, zk.ErrNoNode), errors.Is(errOwn, zk.ErrNoNode), transient(errOwn):
		return false, nil // the next list tells
	case err != nil || errOwn != nil:
		return false, s.d.explain(cmp.Or(err, errOwn), p.path)
	}
	event, err := e.waitEvent(s, fired, p.changed)
	return event.Type == zk.EventNodeDeleted && !happened(p.changed) && p.link == s.link.Load(), err
}

// watch sets a watch on the node, unless there is one that was set by this connection.
func (p *place) watch() (err error) {
	link := p.s.link.Load()
	if p.changed == nil || p.link != link || happened(p.changed) {
		_, _, p.changed, err = p.s.conn.GetW(p.path)
		p.link = link
	}
	return err
}

// waitEvent waits for the event of a watch, or until another one has fired.
func (e *entry) waitEvent(s *session, fired, or <-chan zk.Event) (zk.Event, error) {
	select {
	case event := <-fired:
		return event, nil
	case <-or:
		return zk.Event{}, nil
	case <-s.lost:
		return zk.Event{}, errSessionOver
	case <-e.ctx.Done():
		return zk.Event{}, e.ctx.Err()
	}
}

// heldError tells who is first in line.
func (s *session) heldError(ctx context.Context, dir string, first contender) error {
	held := &driver.HeldError{}
	err := s.retry(ctx, func() error {
		data, stat, err := s.conn.Get(dir + "/" + first.node)
		if err == nil {
			r, _ := readRecord(data)
			held.Owner, held.Since = r.Owner, time.UnixMilli(stat.Ctime)
		}
		return err
	})
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return s.d.explain(err, dir)
	}
	return held
}

// leaseOf returns the lease for a node that holds. Who has waited needs a
// proof that the session lives, and mostly has one: see session.beat.
func (e *entry) leaseOf(s *session, p *place) (driver.Lease, error) {
	if s.contact.stale(e.req.TTL / 2) {
		if err := s.retry(e.ctx, s.prove); err != nil {
			return driver.Lease{}, err
		}
	}
	token := s.floor + uint64(p.zxid)
	if token >= 1<<55 {
		return driver.Lease{}, fmt.Errorf("%w: token %d: the servers' transaction numbers are used up", driver.ErrUnavailable, token)
	}
	return driver.Lease{Request: e.req, Token: token, Until: s.contact.until(e.req.TTL), Lost: s.lost}, nil
}

// isWaited reports whether somebody stands in line.
func (d *ensemble) isWaited() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if e.state == working {
			return true
		}
	}
	return false
}
