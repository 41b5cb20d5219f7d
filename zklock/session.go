package zklock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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

// opening is a session that is being opened.
type opening struct {
	done chan struct{} // closed when the rest is set
	s    *session
	err  error
}

// session returns the session on which to work now, a new one after the last has ended.
func (d *ensemble) session(ctx context.Context) (*session, error) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, driver.ErrClosed
	}
	if s := d.current; s != nil && !s.over() {
		d.mu.Unlock()
		return s, nil
	}
	o := d.opening
	if o == nil {
		o = &opening{done: make(chan struct{})}
		d.opening = o
		d.work.Go(func() { d.open(o) })
	}
	d.mu.Unlock()
	select {
	case <-o.done:
		return o.s, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *ensemble) open(o *opening) {
	ctx, cancel := context.WithTimeout(d.base, d.opts.Timeout)
	defer cancel()
	s, err := d.connect(ctx)
	if err == nil {
		err = d.adopt(s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.err, d.opening = err, nil; err == nil {
		o.s, d.current = s, s
	}
	close(o.done)
}

// adopt checks that a new session lasts as long as the leases that will hang on it.
func (d *ensemble) adopt(s *session) error {
	err := d.judge(s.timeout)
	if err != nil {
		s.end()
	}
	return err
}

// judge returns why a session of timeout will not do; the first one says how long the
// others have to last.
func (d *ensemble) judge(timeout time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	least := max(d.timeout, d.opts.Tick*3/2)
	switch {
	case d.closed:
		return driver.ErrClosed
	case timeout < least:
		return invalid("the servers grant sessions of %v only: want at least %v; see maxSessionTimeout there, and Session and Tick here", timeout, least)
	case d.timeout == 0:
		d.timeout = timeout
	}
	return nil
}

// silent discards what go-zookeeper would log.
type silent struct{}

func (silent) Printf(string, ...any) {}

// connect opens a session.
func (d *ensemble) connect(ctx context.Context) (*session, error) {
	s := &session{d: d, ready: make(chan struct{}), lost: make(chan struct{})}
	s.wire.tls = d.opts.TLS
	conn, _, err := zk.Connect(d.servers, d.opts.Session, zk.WithDialer(s.wire.dial), zk.WithEventCallback(s.notice),
		zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithHostProvider(&hosts{}))
	if err != nil {
		return nil, invalid("%v", err) // no such host
	}
	s.conn = conn
	d.work.Go(s.tend)
	select {
	case <-s.ready:
	case <-ctx.Done():
		s.end()
		return nil, d.unreached(s.wire.failure())
	}
	if d.opts.User == "" {
		return s, nil
	}
	if err := s.retry(ctx, func() error { return conn.AddAuth("digest", []byte(d.opts.User+":"+d.opts.Password)) }); err != nil {
		s.end()
		return nil, fmt.Errorf("digest authentication of user %q: %w", d.opts.User, err)
	}
	return s, nil
}

// unreached is the error of a session that could not be opened, where err is the last
// failure to connect.
func (d *ensemble) unreached(err error) error {
	switch {
	case err == nil && d.opts.TLS == nil:
		return fmt.Errorf("%w: no answer from %s within %v; is it a TLS port?", driver.ErrUnavailable, strings.Join(d.servers, ", "), d.opts.Timeout)
	case err == nil:
		return fmt.Errorf("%w: no answer from %s within %v", driver.ErrUnavailable, strings.Join(d.servers, ", "), d.opts.Timeout)
	case strings.Contains(err.Error(), "x509: "):
		return invalid("the server's certificate is not trusted: %v", err)
	case strings.Contains(err.Error(), "tls: "):
		return invalid("TLS: %v", err)
	}
	return fmt.Errorf("%w: %s", driver.ErrUnavailable, err.Error())
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

// isDue reports whether the session has to speak. One that is not used does so as rarely
// as not to be a burden, and its first lock is trusted for a quarter less.
func (s *session) isDue() bool {
	select {
	case <-s.ready:
		return s.d.isUsed() || s.contact.silent(s.timeout/4)
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

// beat says something to the server, so that the leader hears of the session; and
// proves from time to time that the session lives, so that who waits in line is granted on that
// proof without another round trip.
func (s *session) beat() {
	defer s.beating.Store(false)
	s.setup.Lock()
	node := s.node
	s.setup.Unlock()
	if node != "" && s.contact.stale(s.d.ttl()/3) && s.d.isWaited() {
		_ = s.prove()
		return
	}
	sent := time.Now()
	if _, _, err := s.conn.Exists(s.d.internal()); err == nil {
		s.contact.answered(sent)
	}
}

// prove makes a change to the session's own node, which only the leader of a majority can
// make, and only in a session that lives. A Sync would not prove as much: a leader
// that was deposed and does not know it answers Syncs by itself.
func (s *session) prove() error {
	sent := time.Now()
	_, err := s.conn.Set(s.node, nil, -1)
	switch {
	case err == nil:
		s.contact.wrote(sent)
	case errors.Is(err, zk.ErrNoNode):
		return s.disown()
	}
	return err
}

// disown ends the session after somebody has deleted its own node, and maybe what tokens
// stand on: the next one begins anew, and the nodes of this one are left to run out.
func (s *session) disown() error {
	s.wire.muted.Store(true)
	s.end()
	return errSessionOver
}

// prepare makes the session's own node and finds out what tokens stand on, before
// the first lock.
func (s *session) prepare(ctx context.Context) error {
	s.setup.Lock()
	defer s.setup.Unlock()
	if s.node != "" {
		return nil
	}
	dir := s.d.internal()
	return s.retry(ctx, func() error {
		exists, stat, err := s.conn.Exists(dir)
		if err != nil {
			return err
		}
		if !exists {
			if _, err := s.conn.Create(dir, nil, zk.FlagPersistent, s.d.opts.ACL); err != nil && !errors.Is(err, zk.ErrNodeExists) {
				return s.d.explain(err, dir)
			}
			if _, stat, err = s.conn.Exists(dir); err != nil {
				return err
			}
		}
		sent, node := time.Now(), fmt.Sprintf("%s/%016x", dir, uint64(s.id))
		if _, err := s.conn.Create(node, nil, zk.FlagEphemeral, s.d.opts.ACL); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return s.d.explain(err, node)
		}
		s.contact.wrote(sent)
		s.floor, s.node = floorOf(stat), node
		return nil
	})
}

// floorOf returns what tokens stand on: the microsecond in which the folder of
// what is ours was made. A copy of the tree in other servers, whose transactions are
// counted anew, thus has a higher floor by itself, which a number in the data
// would not.
func floorOf(stat *zk.Stat) uint64 { return uint64(stat.Ctime) * 1000 }

// retryWait is the wait before a request is sent again whose connection was lost.
const retryWait = 20 * time.Millisecond

// retry does what can be done twice until it is known to be done or to have failed, ctx
// ends, or the session does.
func (s *session) retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !transient(err) {
			return err
		}
		select {
		case <-time.After(retryWait + rand.N(retryWait)):
		case <-s.lost:
			return errSessionOver
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", driver.ErrUnavailable, err.Error()) // who has ended ctx knows
		}
	}
}

// transient reports whether err leaves open what has happened, or comes from a
// connection that go-zookeeper will replace.
func transient(err error) bool {
	for _, known := range []error{zk.ErrConnectionClosed, zk.ErrNoServer, zk.ErrClosing, zk.ErrSessionMoved, zk.ErrSessionExpired} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// explain says what a refusal means, and for which node.
func (d *ensemble) explain(err error, node string) error {
	switch {
	case err == nil || transient(err) || explained(err):
		return err
	case errors.Is(err, zk.ErrNoAuth):
		return invalid("%s: its ACL refuses this user", node)
	case errors.Is(err, zk.ErrInvalidACL):
		return invalid("%s: the servers do not take this ACL; digest users have to authenticate first", node)
	case errors.Is(err, zk.ErrNoNode) && d.opts.Chroot != "":
		return invalid("chroot %s does not exist: create it first", d.opts.Chroot)
	case errors.Is(err, zk.ErrNoChildrenForEphemerals):
		return invalid("%s is a node of somebody else, without room for a line: an ephemeral one", node)
	}
	return fmt.Errorf("%w: %s: %s", driver.ErrUnavailable, node, err.Error())
}

// explained reports whether err is in the words of package driver already.
func explained(err error) bool {
	for _, known := range []error{driver.ErrUnavailable, driver.ErrInvalidOption, driver.ErrUnsupported, driver.ErrLost, driver.ErrHeld} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// checkRoot refuses a chroot that does not exist.
func (d *ensemble) checkRoot(ctx context.Context, s *session) error {
	if d.opts.Chroot == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.opts.Timeout)
	defer cancel()
	return s.retry(ctx, func() error {
		exists, _, err := s.conn.Exists(d.opts.Chroot)
		if err == nil && !exists {
			err = d.explain(zk.ErrNoNode, d.opts.Chroot)
		} else if errors.Is(err, zk.ErrInvalidPath) {
			err = invalid("chroot %s: ZooKeeper cannot take this path", d.opts.Chroot)
		}
		return err
	})
}
