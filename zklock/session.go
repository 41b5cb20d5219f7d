package zklock

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// errSessionOver ends what was under way on a session that is gone.
var errSessionOver = fmt.Errorf("%w: the session has ended", driver.ErrUnavailable)

// session is one session of ZooKeeper, on a connection of its own: when it is over, so is
// the connection, so that no request of one session is ever carried out in another.
type session struct {
	d       *ensemble
	wire    wire
	conn    *zk.Conn
	contact contact
	watches watches
	changes changes
	trails  trails
	link    atomic.Uint64 // counts the connections that were lost: what a watch has told is in order on one only

	ready   chan struct{} // closed when the servers have opened it
	id      int64         // from here on set by then
	timeout time.Duration

	lost    chan struct{} // closed when it is over
	ending  sync.Once
	beating atomic.Bool

	mu  sync.Mutex
	cut time.Time // since when there is no connection; zero while there is one

	setup sync.Mutex
	node  string // ours alone, which is changed to prove that the session lives; "" before the first lock
	floor uint64 // of tokens
}

// notice is told by go-zookeeper what becomes of the session. It must not block.
func (s *session) notice(ev zk.Event) {
	if ev.Type != zk.EventSession {
		return
	}
	switch ev.State {
	case zk.StateHasSession:
		timeout, id, asked := s.wire.granted()
		s.contact.connected(asked)
		s.setCut(time.Time{})
		select {
		case <-s.ready:
		default:
			s.id, s.timeout = id, timeout
			s.contact.tick, s.contact.timeout, s.contact.proof = s.d.opts.Tick, timeout, asked
			close(s.ready)
		}
	case zk.StateDisconnected:
		s.link.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cut.IsZero() {
			s.cut = time.Now()
		}
	case zk.StateExpired:
		s.end()
	}
}

func (s *session) setCut(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = at
}

// isConnected reports whether a request would be sent now.
func (s *session) isConnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut.IsZero() && !s.over()
}

// end makes the session over, for everybody who hangs on it. It does not block, and
// tend closes the connection.
func (s *session) end() {
	s.ending.Do(func() {
		close(s.lost)
		s.d.sessionOver(s)
	})
}

// over reports whether the session has ended.
func (s *session) over() bool {
	select {
	case <-s.lost:
		return true
	default:
		return false
	}
}

// tend is the session's goroutine: it makes the session speak, and closes its connection.
func (s *session) tend() {
	defer s.conn.Close()
	ticker := time.NewTicker(s.d.opts.Tick / beatsPerTick)
	defer ticker.Stop()
	for {
		select {
		case <-s.lost:
			s.refuse()
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		cut := s.cut
		s.mu.Unlock()
		switch {
		case !cut.IsZero() && time.Since(cut) > s.timeout:
			s.end() // it has run out, or the servers are away and it will
		case cut.IsZero() && s.isDue() && s.beating.CompareAndSwap(false, true):
			s.d.work.Go(s.beat)
		}
	}
}

// refuse keeps go-zookeeper from connecting again, which it does with a session of
// another id after the first has run out.
func (s *session) refuse() {
	if s.conn.State() != zk.StateHasSession {
		s.wire.muted.Store(true)
	}
}

// linger is how long a session goes on speaking as often as while it is used, so that the
// next lock is trusted for the whole of its TTL.
const linger = time.Minute

// isDue reports whether the session has to speak, since nothing else was said for a while.
// One that is not used does so as rarely as not to be a burden, and its first lock is
// trusted for a quarter less.
func (s *session) isDue() bool {
	select {
	case <-s.ready:
		return s.d.isUsed() && s.contact.silent(s.d.opts.Tick/beatsPerTick*3/4) || s.contact.silent(s.timeout/4)
	default:
		return false
	}
}

// isUsed reports whether leases hang on the session, or will soon again.
func (d *ensemble) isUsed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.entries) > 0 || time.Since(d.used) < linger
}
