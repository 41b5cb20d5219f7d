package mysqllock

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// acquire decides on req: a lease, a place in line (errInLine), or a refusal.
func (s *state) acquire(req *driver.Request, client string) (driver.Lease, error) {
	if m, ok := s.marks[req.Holder]; ok && m > s.now {
		return driver.Lease{}, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	}
	s.sweep()
	if lease, has := s.held(req); has {
		return lease, nil
	}
	w := row{
		kind: kindWaiter, holder: req.Holder, client: client, mode: req.Mode, slots: req.Slots, ttl: req.TTL.Microseconds(),
		owner: req.Owner, note: req.Note, since: s.now, until: s.now + placeTTL.Microseconds(),
	}
	waits := s.waits(req.Holder)
	slots, used := s.slots()
	switch {
	case waits && req.NoWait:
		return driver.Lease{}, s.heldBy()
	case waits:
		return driver.Lease{}, errInLine
	case used && slots != req.Slots:
		return driver.Lease{}, invalid("in use with %d slots (0 is none), not %d", slots, req.Slots)
	case len(s.waiters) == 0 && s.admits(&w):
		token := s.grant(w, w.ttl, true)
		return leaseOf(req, token, driver.Trust(s.sent, req.TTL)), nil
	case req.NoWait:
		return driver.Lease{}, s.heldBy()
	}
	s.put(w)
	s.waiters = append(s.waiters, w)
	return driver.Lease{}, errInLine
}

// held returns the lease that req has, which is claimed now if it was not.
func (s *state) held(req *driver.Request) (driver.Lease, bool) {
	r := s.find(req.Holder)
	if r == nil {
		return driver.Lease{}, false
	}
	if !r.claimed {
		r.claimed, r.since, r.until = true, s.now, s.now+r.ttl
		s.keep(r)
	}
	left := time.Duration(r.until-s.now) * time.Microsecond
	return leaseOf(req, r.token, driver.Trust(s.sent, left)), true
}

// find returns the lease of a holder id, or nil.
func (s *state) find(holder string) *row {
	if s.lock.holder != "" && s.lock.holder == holder {
		return &s.lock
	}
	for i := range s.leases {
		if s.leases[i].holder == holder {
			return &s.leases[i]
		}
	}
	return nil
}

// waits reports whether a holder id is in line.
func (s *state) waits(holder string) bool {
	return s.behind[holder] || slices.ContainsFunc(s.waiters, func(w row) bool { return w.holder == holder })
}

// keep notes that a lease has changed.
func (s *state) keep(r *row) {
	s.dirty = true
	if r.kind == kindLease {
		s.put(*r)
	}
}

// release gives back what req has, or takes it out of the line. Unless it had claimed a
// lease, a request of its that is still on its way has to find a mark.
func (s *state) release(req *driver.Request) {
	r := s.find(req.Holder)
	switch {
	case r != nil && r.claimed:
		s.vacate(r)
	case r != nil:
		s.vacate(r)
		s.mark(req)
	default:
		s.waiters = slices.DeleteFunc(s.waiters, func(w row) bool { return w.holder == req.Holder })
		delete(s.behind, req.Holder)
		s.mark(req)
	}
	s.sweep()
}

// mark leaves a mark, in place of the holder id's row where it has one. Marks that are
// over go with it.
func (s *state) mark(req *driver.Request) {
	s.changes = append(s.changes, change{"drop_marks", []any{[]byte(s.name), s.now}})
	until := s.now + req.TTL.Microseconds()
	s.put(row{kind: kindMark, holder: req.Holder, since: s.now, until: until})
	s.marks[req.Holder] = until
	s.marked = max(s.marked, until)
}

// vacate takes a lease from its holder.
func (s *state) vacate(r *row) {
	s.dirty = true
	if r.kind == kindLock {
		r.holder, r.until = "", 0
		return
	}
	s.drop(r)
	holder := r.holder
	s.leases = slices.DeleteFunc(s.leases, func(r row) bool { return r.holder == holder })
}

// sweep drops what has run out, and grants the lock to those at the head of the line who
// may have it: for the claim window, in which they have to take it.
func (s *state) sweep() {
	if s.lock.holder != "" && s.lock.until <= s.now {
		s.vacate(&s.lock)
	}
	for i := len(s.leases) - 1; i >= 0; i-- {
		if s.leases[i].until <= s.now {
			s.vacate(&s.leases[i])
		}
	}
	for len(s.waiters) > 0 {
		w := s.waiters[0]
		switch {
		case w.until <= s.now:
			s.drop(&w)
		case !s.admits(&w):
			return
		default:
			if w.plain() {
				s.drop(&w) // it moves to the row of the name
			}
			s.grant(w, min(claimWindow.Microseconds(), w.ttl), false)
			s.granted = append(s.granted, w)
		}
		s.waiters = s.waiters[1:]
	}
}

// admits reports whether w may hold beside those who hold now.
func (s *state) admits(w *row) bool {
	switch {
	case s.lock.holder != "":
		return false
	case len(s.leases) == 0:
		return true
	case w.slots > 0:
		return s.leases[0].slots == w.slots && len(s.leases) < w.slots
	}
	return w.mode == driver.Shared && s.leases[0].slots == 0
}

// slots returns the slots that the name is in use with.
func (s *state) slots() (slots int, used bool) {
	switch {
	case s.lock.holder != "":
		return 0, true
	case len(s.leases) > 0:
		return s.leases[0].slots, true
	case len(s.waiters) > 0:
		return s.waiters[0].slots, true
	}
	return 0, false
}

// grant makes a holder of w for ttl microseconds and returns its token.
func (s *state) grant(w row, ttl int64, claimed bool) (token int64) {
	token = max(s.lock.token+1, s.now)
	w.token, w.since, w.until, w.claimed = token, s.now, s.now+ttl, claimed
	s.dirty = true
	if w.plain() {
		w.kind = kindLock
		s.lock = w
		return token
	}
	s.lock.token = token
	w.kind = kindLease
	s.put(w)
	s.leases = append(s.leases, w)
	return token
}

// put writes a row of the other table.
func (s *state) put(r row) {
	s.changes = append(s.changes, change{"put", []any{[]byte(s.name), r.kind, []byte(r.holder), []byte(r.client), int(r.mode), r.slots,
		r.ttl, []byte(r.owner), []byte(r.note), r.token, r.since, r.until, r.claimed, r.broken}})
}

// drop deletes a row of the other table.
func (s *state) drop(r *row) {
	s.changes = append(s.changes, change{"drop", []any{[]byte(s.name), []byte(r.holder)}})
}

// heldBy returns a HeldError that tells of a holder.
func (s *state) heldBy() error {
	h := s.lock
	if h.holder == "" && len(s.leases) > 0 {
		h = s.leases[0]
	}
	if h.holder == "" {
		return &driver.HeldError{}
	}
	return &driver.HeldError{Owner: h.owner, Since: time.UnixMicro(h.since), Until: time.UnixMicro(h.until)}
}

// breakAll forbids the holders any further renewal.
func (s *state) breakAll() error { return s.each(func(r *row) { r.broken = true; s.keep(r) }) }

// force takes the lock from its holders.
func (s *state) force() error {
	err := s.each(func(r *row) {
		if r.kind == kindLease {
			s.drop(r)
		}
	})
	if err != nil {
		return err
	}
	s.lock.holder, s.lock.until, s.leases = "", 0, nil
	s.sweep()
	return nil
}

// each calls do for every holder; ErrNotHeld when there is none.
func (s *state) each(do func(*row)) error {
	s.sweep()
	if s.lock.holder == "" && len(s.leases) == 0 {
		return driver.ErrNotHeld
	}
	s.dirty = true
	if s.lock.holder != "" {
		do(&s.lock)
	}
	for i := range s.leases {
		do(&s.leases[i])
	}
	return nil
}
