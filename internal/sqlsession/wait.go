package sqlsession

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// stand waits in the server's line, or tries again and again while too many of this
// engine do so already. nil means that h holds its lock.
func (e *Engine) stand(ctx context.Context, h *hold) error {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.closing, cancel)()
	_, err := driver.Poll(ctx, func(ctx context.Context) (driver.Lease, error) {
		for {
			s := e.reserve(h)
			if s == nil {
				return driver.Lease{}, e.try(ctx, h)
			}
			err := e.wait(ctx, h, s)
			if again := errors.Is(err, ErrGone) || errors.Is(err, ErrInterrupted); !again || ctx.Err() != nil {
				return driver.Lease{}, err
			}
			// It was paused for longer than the window, or somebody has ended its
			// session: back to the end of the line.
		}
	})
	if err != nil && outer.Err() == nil && e.closing.Err() != nil {
		return driver.ErrClosed
	}
	return err
}

// reserve returns a session for h alone, or nil when as many wait as may.
func (e *Engine) reserve(h *hold) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiters >= e.opts.Waiters {
		return nil
	}
	var s *session
	for _, other := range e.sessions {
		if other.empty() {
			s = other
			break
		}
	}
	if s == nil {
		if len(e.sessions) >= e.opts.Waiters+2*shareSessions {
			return nil // the others hold what they have waited for
		}
		if s = e.open(h.req.Owner); s == nil {
			return nil
		}
	}
	s.waiting = true
	e.waiters++
	e.place(h, s)
	return s
}

// granted is what became of a Conn.Wait.
type granted struct {
	token uint64
	err   error
}

// wait waits on s until it is h's turn.
func (e *Engine) wait(ctx context.Context, h *hold, s *session) error {
	result := make(chan granted, 1)
	e.work.Go(func() { result <- s.wait(h) })
	select {
	case r := <-result:
		if r.err == nil {
			r.err = e.claim(h, s, r.token)
		}
		if r.err != nil {
			e.leave(h, s, r.err)
			return unavailable(r.err)
		}
		return nil
	case <-ctx.Done():
		e.work.Go(func() { e.cancel(h, s, result) })
		return ctx.Err()
	}
}

// wait runs in a goroutine of its own, since nothing but the server ends it.
func (s *session) wait(h *hold) granted {
	<-s.opened
	s.engine.mu.Lock()
	conn, err := s.conn, s.failed
	s.told = 0 // whatever becomes of it
	s.engine.mu.Unlock()
	if err != nil {
		return granted{err: err}
	}
	w := &Waiting{Lock: h.lock, Window: s.engine.opts.Window, Holder: h.req.Holder, Owner: h.req.Owner, Note: h.req.Note}
	token, err := conn.Wait(w)
	return granted{token, err}
}

// claim tells the server that the grant has arrived, and counts the lease from that.
// From then on the session serves others too.
func (e *Engine) claim(h *hold, s *session, token uint64) error {
	b := &Batch{Timeout: h.timeout}
	sent := time.Now()
	if err := s.conn.Do(b, e.opts.Timeout); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.timeout, s.told = h.timeout, h.timeout
	e.free(s)
	e.grant(h, token, sent)
	return nil
}

// free lets others use a session that was reserved. mu is held.
func (e *Engine) free(s *session) {
	s.waiting = false
	e.waiters--
	s.rest()
	s.depart()
}

// leave ends a wait that was not granted. After ErrInterrupted the session is as good
// as before, and after anything else nothing is known of it.
func (e *Engine) leave(h *hold, s *session, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free(s)
	if !errors.Is(err, ErrInterrupted) {
		s.end(unavailable(err))
	}
	e.displace(h)
	if h.deserted {
		e.vanish(h)
	}
}

// cancel takes h out of the server's line after its Acquire has returned. A session
// that was granted just before is closed, which frees the lock: its next statement might
// be the one that is hit by the cancelling.
func (e *Engine) cancel(h *hold, s *session, result <-chan granted) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(e.closing), e.opts.Timeout)
	defer stop()
	<-s.opened
	var r granted
	for waits, n := s.conn != nil, 1; waits && ctx.Err() == nil; n++ {
		if r.err = e.server.Cancel(ctx, s.conn); r.err != nil {
			break
		}
		select {
		case r = <-result:
			waits = false
			if n > 1 || r.err == nil {
				r.err = ErrGone
			}
		case <-time.After(cancelAgain): // it came before the wait had begun
			r.err = ErrGone
		}
	}
	e.leave(h, s, r.err)
}

// cancelAgain is when a wait that goes on is cancelled again.
const cancelAgain = 50 * time.Millisecond
