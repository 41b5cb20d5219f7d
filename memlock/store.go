package memlock

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// entry is a name in use. It is gone when nobody holds it or waits for it.
type entry struct {
	holders []*holder
	only    [1]*holder // room for holders, of which there mostly is one
	line    []*waiter  // first come first
	expiry  *time.Timer
}

type holder struct {
	req     driver.Request
	token   uint64
	since   time.Time
	until   time.Time
	claimed bool // false for a waiter that was granted, until it takes the lease
	broken  bool
}

type waiter struct {
	req     driver.Request
	since   time.Time
	granted chan struct{}
}

// acquire returns a lease, or a waiter in line, or an error.
func (s *Store) acquire(req driver.Request) (driver.Lease, *waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.marks.find(req.Holder, now) {
		return driver.Lease{}, nil, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	}
	e := s.names[req.Name]
	if e == nil {
		e = &entry{}
		e.holders = e.only[:0]
		s.names[req.Name] = e
	}
	s.expire(req.Name, e, now)
	if h := e.holder(req.Holder); h != nil {
		h.claim(now)
		s.arm(req.Name, e, now)
		return h.lease(now), nil, nil
	}
	if w := e.waiter(req.Holder); w != nil {
		return driver.Lease{}, w, nil
	}
	if err := e.matches(&req); err != nil {
		return driver.Lease{}, nil, err
	}
	if len(e.line) == 0 && e.admits(&req) {
		h := s.grant(e, req, now)
		h.claim(now)
		return h.lease(now), nil, nil
	}
	if req.NoWait {
		return driver.Lease{}, nil, e.held()
	}
	w := &waiter{req: req, since: now, granted: make(chan struct{})}
	e.line = append(e.line, w)
	s.arm(req.Name, e, now)
	return driver.Lease{}, w, nil
}

func (s *Store) renew(req *driver.Request) driver.Renewal {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e := s.names[req.Name]
	if e != nil {
		s.expire(req.Name, e, now)
		defer s.settle(req.Name, e, now)
		if h := e.holder(req.Holder); h != nil && !h.broken {
			h.until = now.Add(req.TTL)
			return driver.Renewal{Until: driver.Trust(now, req.TTL)}
		} else if h != nil {
			return driver.Renewal{Err: fmt.Errorf("broken: %w", driver.ErrLost)}
		}
	}
	return driver.Renewal{Err: fmt.Errorf("not the holder any more: %w", driver.ErrLost)}
}

func (s *Store) release(req *driver.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e := s.names[req.Name]
	if e == nil || !e.returned(req.Holder) {
		s.marks.add(req.Holder, now.Add(req.TTL), now)
	}
	if e == nil || !e.remove(req.Holder) {
		return
	}
	s.expire(req.Name, e, now)
	s.settle(req.Name, e, now)
}

func (s *Store) breakHolders(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.current(name)
	if e == nil || len(e.holders) == 0 {
		return driver.ErrNotHeld
	}
	for _, h := range e.holders {
		h.broken = true
	}
	return nil
}

func (s *Store) force(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.current(name)
	if e == nil || len(e.holders) == 0 {
		return driver.ErrNotHeld
	}
	e.holders = nil
	s.settle(name, e, time.Now())
	return nil
}

func (s *Store) inspect(name string) driver.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(name).state(name)
}

func (s *Store) list(prefix string) []driver.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	var states []driver.State
	for name := range s.names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if e := s.current(name); e != nil {
			states = append(states, e.state(name))
		}
	}
	slices.SortFunc(states, func(a, b driver.State) int { return cmp.Compare(a.Name, b.Name) })
	return states
}

// current returns the entry of name without what has run out, or nil.
func (s *Store) current(name string) *entry {
	e := s.names[name]
	if e == nil {
		return nil
	}
	now := time.Now()
	s.expire(name, e, now)
	s.settle(name, e, now)
	return s.names[name]
}

// expire drops the holders whose leases have run out and lets in who is next.
func (s *Store) expire(name string, e *entry, now time.Time) {
	before := len(e.holders)
	e.holders = slices.DeleteFunc(e.holders, func(h *holder) bool { return !now.Before(h.until) })
	if len(e.holders) < before {
		s.admit(e, now)
		s.arm(name, e, now)
	}
}

// settle lets in who is next, and forgets the entry when it is not in use.
func (s *Store) settle(name string, e *entry, now time.Time) {
	s.admit(e, now)
	s.arm(name, e, now)
	if len(e.holders) == 0 && len(e.line) == 0 {
		delete(s.names, name)
	}
}

// admit makes holders of those at the head of the line, for the claim window.
func (s *Store) admit(e *entry, now time.Time) {
	for len(e.line) > 0 && e.admits(&e.line[0].req) {
		w := e.line[0]
		e.line = slices.Delete(e.line, 0, 1)
		s.grant(e, w.req, now)
		close(w.granted)
	}
}

// grant makes a holder of req that has yet to claim.
func (s *Store) grant(e *entry, req driver.Request, now time.Time) *holder {
	s.token++
	h := &holder{req: req, token: s.token, since: now, until: now.Add(min(claimWindow, req.TTL))}
	e.holders = append(e.holders, h)
	return h
}

// arm sets a timer for the first lease that may run out, while somebody waits.
func (s *Store) arm(name string, e *entry, now time.Time) {
	if e.expiry != nil {
		e.expiry.Stop()
		e.expiry = nil
	}
	if len(e.line) == 0 || len(e.holders) == 0 {
		return
	}
	next := e.holders[0].until
	for _, h := range e.holders {
		if h.until.Before(next) {
			next = h.until
		}
	}
	e.expiry = time.AfterFunc(next.Sub(now), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.current(name)
	})
}

// claim starts the full TTL of a granted lease.
func (h *holder) claim(now time.Time) {
	if !h.claimed {
		h.claimed, h.since, h.until = true, now, now.Add(h.req.TTL)
	}
}

// lease returns the lease of a holder that was seen at now.
func (h *holder) lease(now time.Time) driver.Lease {
	return driver.Lease{Request: h.req, Token: h.token, Until: driver.Trust(now, h.until.Sub(now))}
}

func (e *entry) holder(id string) *holder {
	for _, h := range e.holders {
		if h.req.Holder == id {
			return h
		}
	}
	return nil
}

func (e *entry) waiter(id string) *waiter {
	for _, w := range e.line {
		if w.req.Holder == id {
			return w
		}
	}
	return nil
}

// returned reports whether an Acquire has returned a lease to id.
func (e *entry) returned(id string) bool {
	h := e.holder(id)
	return h != nil && h.claimed
}

// remove takes id from the holders or the line.
func (e *entry) remove(id string) bool {
	before := len(e.holders) + len(e.line)
	e.holders = slices.DeleteFunc(e.holders, func(h *holder) bool { return h.req.Holder == id })
	if len(e.line) > 0 {
		e.line = slices.DeleteFunc(e.line, func(w *waiter) bool { return w.req.Holder == id })
	}
	return len(e.holders)+len(e.line) < before
}

// admits reports whether req may hold beside the present holders.
func (e *entry) admits(req *driver.Request) bool {
	switch {
	case len(e.holders) == 0:
		return true
	case req.Slots > 0:
		return len(e.holders) < req.Slots
	}
	return req.Mode == driver.Shared && e.holders[0].req.Mode == driver.Shared
}

// matches refuses other slots than the entry is in use with.
func (e *entry) matches(req *driver.Request) error {
	slots, used := e.slots()
	if !used || slots == req.Slots {
		return nil
	}
	return fmt.Errorf("in use with %d slots (0 is none), not %d: %w", slots, req.Slots, driver.ErrInvalidOption)
}

// slots returns the slots that the entry is in use with.
func (e *entry) slots() (slots int, used bool) {
	switch {
	case len(e.holders) > 0:
		return e.holders[0].req.Slots, true
	case len(e.line) > 0:
		return e.line[0].req.Slots, true
	}
	return 0, false
}

func (e *entry) held() error {
	if len(e.holders) == 0 {
		return &driver.HeldError{}
	}
	h := e.holders[0]
	return &driver.HeldError{Owner: h.req.Owner, Since: h.since, Until: h.until}
}

// state returns what e, which may be nil, looks like.
func (e *entry) state(name string) driver.State {
	state := driver.State{Name: name}
	if e == nil {
		return state
	}
	state.Slots, _ = e.slots()
	for _, h := range e.holders {
		state.Holders = append(state.Holders, driver.Holder{
			Holder: h.req.Holder, Owner: h.req.Owner, Note: h.req.Note, Mode: h.req.Mode,
			Token: h.token, Since: h.since, Until: h.until, Broken: h.broken,
		})
	}
	for _, w := range e.line {
		state.Waiters = append(state.Waiters, driver.Waiter{
			Holder: w.req.Holder, Owner: w.req.Owner, Note: w.req.Note, Mode: w.req.Mode, Since: w.since,
		})
	}
	return state
}
