package zklock

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// The folders of InterProcessSemaphoreV2: who wants a slot stands in line in locks, and
// the first one there puts a node into leases and waits until there are no more than
// slots.
const (
	locksFolder  = "locks"
	leasesFolder = "leases"
)

func (e *entry) takeSlot(s *session) (driver.Lease, error) {
	dir := e.d.dir(e.req.Name)
	locks, leases := dir+"/"+locksFolder, dir+"/"+leasesFolder
	turn, children, err := e.lineUp(s, locks, lockMark)
	if err == nil {
		err = e.admissibleSlot(s, dir, children)
	}
	full := func() (bool, error) { return e.full(s, leases) }
	if err == nil {
		err = e.queue(s, turn, children, full)
	}
	if err != nil {
		return driver.Lease{}, lostIfGone(err)
	}
	slot := e.place(s, leases, leaseMark)
	if err = slot.create(e.ctx, recordOf(e.req).bytes()); err == nil {
		err = e.takeLease(s, slot)
	}
	if err != nil {
		return driver.Lease{}, err
	}
	turn.remove()
	return e.leaseOf(s, slot)
}

// takeLease waits until the leases, of which slot is one, are no more than there are slots.
// Only the first in line watches them.
func (e *entry) takeLease(s *session, slot *place) (err error) {
	for err == nil {
		var children []string
		var changed <-chan zk.Event
		err = s.retry(e.ctx, func() (err error) {
			children, _, changed, err = s.conn.ChildrenW(slot.dir)
			return err
		})
		line := lineOf(children)
		switch {
		case err != nil:
			return lostIfGone(err)
		case !slices.ContainsFunc(line, func(c contender) bool { return c.node == slot.node() }):
			return lostIfGone(zk.ErrNoNode)
		case len(line) <= e.req.Slots:
			return nil
		case e.req.NoWait:
			return s.heldError(e.ctx, slot.dir, line[0])
		}
		_, err = e.waitEvent(s, changed, nil)
	}
	return err
}

// full reports whether all slots are taken.
func (e *entry) full(s *session, leases string) (bool, error) {
	children, err := s.list(e.ctx, leases)
	if errors.Is(err, zk.ErrNoNode) {
		return false, nil
	}
	return len(lineOf(children)) >= e.req.Slots, err
}

// admissibleSlot returns why a newcomer may not stand in line for a slot, or nil; see
// admissible.
func (e *entry) admissibleSlot(s *session, dir string, inLine []string) error {
	children, err := s.list(e.ctx, dir)
	if err != nil {
		return err
	}
	if slices.Contains(children, goneNode(e.req.Holder)) {
		return fmt.Errorf("%w: it was given up", driver.ErrLost)
	}
	if line := lineOf(children); len(line) > 0 {
		return invalid("in use without slots")
	}
	leases, err := s.list(e.ctx, dir+"/"+leasesFolder)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	for folder, children := range map[string][]string{leasesFolder: leases, locksFolder: inLine} {
		for _, c := range lineOf(children) {
			known, err := e.sameSlots(s, dir+"/"+folder+"/"+c.node)
			if known || err != nil {
				return err // all the others were compared with that one
			}
		}
	}
	return nil
}

// sameSlots compares the slots of the node at path, where they are known, with ours.
func (e *entry) sameSlots(s *session, path string) (known bool, err error) {
	err = s.retry(e.ctx, func() error {
		data, _, err := s.conn.Get(path)
		if err != nil {
			return err
		}
		r, ours := readRecord(data)
		known = ours && r.Holder != e.req.Holder
		if known && r.Slots != e.req.Slots {
			return invalid("in use with %d slots", r.Slots)
		}
		return nil
	})
	if errors.Is(err, zk.ErrNoNode) {
		err = nil
	}
	return known, err
}
