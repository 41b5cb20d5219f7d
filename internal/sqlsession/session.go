package sqlsession

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// A session is one connection, as the engine sees it. Engine.mu guards what is not
// conn, which belongs to the flight, or to the one who waits.
type session struct {
	engine *Engine
	opened chan struct{} // closed when conn or failed is set
	conn   Conn
	failed error         // why there is no conn, or why it has ended
	lost   chan struct{} // closed when it has ended

	timeout  time.Duration    // that its leases need
	told     time.Duration    // that the server knows of; 0 for none, or not known
	trusted  time.Time        // when trust in its last lease ends
	locks    map[string]*hold // by key: what it holds, tries or waits for
	pending  []*op            // for the next flight
	flying   bool
	departed time.Time // of the flight, or of the connecting
	waiting  bool      // somebody has it alone
	idle     *time.Timer
}

// An op is one thing to do on a session.
type op struct {
	kind opKind
	hold *hold // nil to keep alive
	done chan struct{}
	// Set before done is closed:
	sent  time.Time
	token uint64 // 0 when the lock is held
	err   error
}

type opKind uint8

const (
	keepAlive opKind = iota
	try
	unlock
)

// maxBatch bounds one statement: MySQL parses each lock in it.
const maxBatch = 128

// open adds a session and begins to connect it. mu is held; there is no session
// when the engine is closed.
func (e *Engine) open(owner string) *session {
	s := &session{
		engine: e, opened: make(chan struct{}), lost: make(chan struct{}), locks: make(map[string]*hold),
		flying: true, departed: time.Now(), // as far as connecting goes
	}
	if !e.goes(func() { s.connect(owner) }) {
		return nil
	}
	e.sessions = append(e.sessions, s)
	return s
}

func (s *session) connect(owner string) {
	e := s.engine
	ctx, cancel := context.WithTimeout(e.closing, e.opts.Timeout)
	defer cancel()
	conn, err := e.server.Connect(ctx, owner)
	e.mu.Lock()
	s.conn, s.flying = conn, false
	if err != nil {
		s.end(unavailable(err))
		close(s.opened)
		e.mu.Unlock()
		return
	}
	close(s.opened)
	go s.watch(conn)
	s.rest()
	s.depart()
	e.mu.Unlock()
}

// watch ends s with its connection.
func (s *session) watch(conn Conn) {
	select {
	case <-conn.Gone():
	case <-s.lost: // it has ended otherwise
		return
	}
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.end(fmt.Errorf("%w: %w", driver.ErrUnavailable, ErrGone))
}

// end takes s out of use: what it held is lost, and what it was to do has failed. An
// operation in flight, or a wait, learns of it from the connection. mu is held.
func (s *session) end(err error) {
	if s.failed != nil {
		return
	}
	e := s.engine
	s.failed = err
	e.sessions = slices.DeleteFunc(e.sessions, func(other *session) bool { return other == s })
	if s.idle != nil {
		s.idle.Stop()
	}
	close(s.lost)
	if s.conn != nil {
		go s.conn.Close() // says goodbye to the server, which may take a moment
	}
	for _, o := range s.pending {
		o.fail(err)
	}
	s.pending = nil
	for _, h := range s.locks {
		if h.state == held || h.deserted {
			e.vanish(h)
		}
	}
}

// fail ends an operation that has not been done. mu is held.
func (o *op) fail(err error) {
	o.err = err
	close(o.done)
}

// add has o done with the next flight. mu is held.
func (s *session) add(o *op) {
	if s.failed != nil {
		o.fail(s.failed)
		return
	}
	s.pending = append(s.pending, o)
	s.depart()
}

// depart starts a flight when there is none, and something to do. mu is held.
func (s *session) depart() {
	if s.flying || s.waiting || len(s.pending) == 0 || s.conn == nil {
		return
	}
	s.flying = true
	if !s.engine.goes(s.fly) {
		s.flying = false
		for _, o := range s.pending {
			o.fail(driver.ErrClosed)
		}
		s.pending = nil
	}
}

// fly does what is pending until nothing is.
func (s *session) fly() {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	for s.failed == nil && len(s.pending) > 0 {
		n := min(len(s.pending), maxBatch)
		ops := s.pending[:n:n]
		s.pending = s.pending[n:]
		batch := s.batch(ops)
		sent := time.Now()
		s.departed = sent
		limit := s.patience(sent)
		e.mu.Unlock()
		err := s.conn.Do(batch, limit)
		e.mu.Lock()
		s.land(ops, batch, sent, err)
	}
	s.flying = false
	s.rest()
}

// patience is how long a flight may take: while leases on s are trusted, it is not
// given up, since that would lose them. mu is held.
func (s *session) patience(now time.Time) time.Duration {
	return max(s.engine.opts.Timeout, s.trusted.Sub(now))
}

// batch puts ops into one statement. mu is held.
func (s *session) batch(ops []*op) *Batch {
	b := &Batch{}
	if s.told != s.timeout {
		b.Timeout = s.timeout
	}
	for _, o := range ops {
		switch o.kind {
		case try:
			b.Try = append(b.Try, o.hold.lock)
		case unlock:
			b.Unlock = append(b.Unlock, o.hold.lock)
		}
	}
	b.Tokens = make([]uint64, len(b.Try))
	return b
}

// land gives ops their answers. mu is held.
func (s *session) land(ops []*op, batch *Batch, sent time.Time, err error) {
	if err != nil {
		err = unavailable(err)
		s.end(err)
	} else if batch.Timeout != 0 {
		s.told = batch.Timeout
	}
	tried := 0
	for _, o := range ops {
		o.sent, o.err = sent, err
		if o.kind == try {
			o.token = batch.Tokens[tried]
			tried++
		}
		s.landOne(o)
		close(o.done)
	}
}

func (s *session) landOne(o *op) {
	e, h := s.engine, o.hold
	switch {
	case o.kind == keepAlive:
	case o.kind == unlock:
		if o.err == nil {
			e.vanish(h)
		}
	case o.err != nil || o.token == 0:
		e.displace(h)
		if h.deserted {
			e.vanish(h)
		}
	case h.deserted:
		e.giveBack(h)
	default:
		e.grant(h, o.token, o.sent)
	}
}

// rest sees to it that a session without leases is closed when it is not used for half
// of its timeout: before the server would do it, which it writes into its log. mu is
// held.
func (s *session) rest() {
	if !s.empty() || s.conn == nil || s.engine.closing.Err() != nil {
		return
	}
	keep := s.timeout / 2
	if keep == 0 {
		keep = keepUnused
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(keep, s.retireIdle)
		return
	}
	s.idle.Reset(keep)
}

// keepUnused is how long a connection is kept that was made in vain.
const keepUnused = 5 * time.Second

func (s *session) retireIdle() {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if s.empty() {
		s.end(fmt.Errorf("%w: %w", driver.ErrUnavailable, ErrGone))
	}
}

// empty reports whether s could serve anybody. mu is held.
func (s *session) empty() bool {
	return s.failed == nil && !s.waiting && !s.flying && len(s.locks) == 0 && len(s.pending) == 0
}

// retire closes s, or leaves it to run out when it holds leases. mu is held, and the
// engine is closed.
func (s *session) retire() {
	left := time.Duration(0)
	for _, h := range s.locks {
		if h.state == held {
			left = max(left, time.Until(h.expires))
		}
	}
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.failed == nil {
		s.failed = driver.ErrClosed
		close(s.lost)
	}
	switch conn := s.conn; {
	case conn == nil:
	case left <= 0:
		conn.Close()
	default:
		conn.Abandon()
		time.AfterFunc(left, conn.Close)
	}
}

// unavailable marks a failure of the server or of the way to it.
func unavailable(err error) error {
	if errors.Is(err, driver.ErrUnavailable) || errors.Is(err, driver.ErrInvalidOption) {
		return err
	}
	return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
}
