package sqlsession

import (
	"context"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Engine grants leases on the sessions of one server. All methods may be called by
// many goroutines at once.
type Engine struct {
	server Server
	opts   Options

	closing context.Context // ends, with ErrClosed as its cause, at Close
	shut    context.CancelCauseFunc
	work    sync.WaitGroup // goroutines of the engine

	mu       sync.Mutex
	sessions []*session
	holds    map[string]*hold // by holder id, from Acquire on
	uses     map[string]use   // by key
	waiters  int
	marks    marks
}

// New returns an engine on server without any session yet.
func New(server Server, opts Options) *Engine {
	e := &Engine{server: server, opts: opts, holds: make(map[string]*hold), uses: make(map[string]use)}
	e.closing, e.shut = context.WithCancelCause(context.Background())
	return e
}

// A hold is one request, from Acquire until it has been given back.
type hold struct {
	req     driver.Request
	lock    Lock
	timeout time.Duration // of the session that it needs
	session *session      // where it has or may get the lock; nil when it certainly has none

	state    state
	deserted bool          // nobody waits for it: what it gets is to be given back
	over     chan struct{} // closed when it is gone

	token   uint64
	until   time.Time // trust
	expires time.Time // when it is given back unless it was renewed
	timer   *time.Timer
	giving  *op // the unlock under way
}

// state is how far a hold is.
type state uint8

const (
	wanted state = iota // being tried or waited for
	held                // returned to the caller
	gone                // given back, or lost
)

// A use counts the holds of one key that have a session, whatever their state.
type use struct{ exclusive, shared int }

// admits reports whether a lock may be tried beside what this engine does with its
// key. When it may not, somebody of this engine holds it, or was first to ask.
func (u use) admits(lock Lock) bool {
	return u.exclusive == 0 && (lock.Shared || u.shared == 0)
}

// place notes that h has, or may get, its lock on s. mu is held.
func (e *Engine) place(h *hold, s *session) {
	h.session = s
	s.locks[h.lock.Key] = h
	e.count(h.lock, 1)
}

// displace undoes place: there is nothing of h on its session. mu is held.
func (e *Engine) displace(h *hold) {
	s := h.session
	if s == nil {
		return
	}
	h.session = nil
	delete(s.locks, h.lock.Key)
	if len(s.locks) == 0 {
		s.trusted = time.Time{}
	}
	e.count(h.lock, -1)
	s.rest()
}

func (e *Engine) count(lock Lock, by int) {
	u := e.uses[lock.Key]
	if lock.Shared {
		u.shared += by
	} else {
		u.exclusive += by
	}
	if u == (use{}) {
		delete(e.uses, lock.Key)
		return
	}
	e.uses[lock.Key] = u
}

// vanish ends h: it has nothing any more. mu is held.
func (e *Engine) vanish(h *hold) {
	if h.state == gone {
		return
	}
	e.displace(h)
	h.state = gone
	if h.timer != nil {
		h.timer.Stop()
	}
	if e.holds[h.req.Holder] == h {
		delete(e.holds, h.req.Holder)
	}
	close(h.over)
}

// Close ends the waiting, refuses new calls, and closes the connections that hold
// nothing. The others are left to the server, which ends them when their leases run
// out; their sockets are closed then.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closing.Err() != nil {
		e.mu.Unlock()
		return nil
	}
	e.shut(driver.ErrClosed)
	e.mu.Unlock()
	e.work.Wait() // flights land, waiters leave
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		s.retire()
	}
	e.sessions = nil
	for _, h := range e.holds {
		if h.timer != nil {
			h.timer.Stop()
		}
	}
	return nil
}

// Closed returns driver.ErrClosed after Close, and nil before.
func (e *Engine) Closed() error {
	if e.closing.Err() != nil {
		return driver.ErrClosed
	}
	return nil
}

// goes runs fn in a goroutine that Close waits for, unless the engine is closed. mu is
// held.
func (e *Engine) goes(fn func()) bool {
	if e.closing.Err() != nil {
		return false
	}
	e.work.Go(fn)
	return true
}
