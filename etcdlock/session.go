package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

const (
	// idle is how long an etcd lease is kept alive after its last use, so that the next
	// lock finds it.
	idle = time.Minute
	// freshness is which part of the TTL may have passed since the last keep-alive when a
	// lock is granted, whose trust counts from there.
	freshness = 20
)

// session is an etcd lease: one for all locks of a client with one TTL, and one for all
// its places in line. conn.mu guards its fields but for the first.
type session struct {
	c    *conn
	id   clientv3.LeaseID
	secs int64         // under which it stands in conn.sessions
	ttl  time.Duration // as granted
	gone chan struct{} // closed when the lease is known to be gone

	ended    bool
	proof    time.Time // the sending of the last keep-alive that counts for trust
	answered time.Time // the sending of the last one that was answered
	used     time.Time
	waiting  int // how many need it to be kept alive
	inFlight *keepAlive
	timer    *time.Timer       // of the next keep-alive; nil when none is planned
	first    map[string]*place // by name, which have the key without a suffix
	checked  int               // where the next renewal goes on to look at keys
}

// seconds rounds up to what etcd can count.
func seconds(ttl time.Duration) int64 { return int64((ttl + time.Second - 1) / time.Second) }

// session returns the session for locks of ttl, or a new one. With exact, the servers must
// not have raised the TTL.
func (c *conn) session(ctx context.Context, ttl time.Duration, exact bool) (*session, error) {
	secs := seconds(ttl)
	if s, err := c.usable(secs, exact); s != nil || err != nil {
		return s, err
	}
	select {
	case c.granting <- struct{}{}:
		defer func() { <-c.granting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ctx.Done():
		return nil, driver.ErrClosed
	}
	if s, err := c.usable(secs, exact); s != nil || err != nil {
		return s, err
	}
	id, granted, sent, err := c.grantLease(ctx, secs)
	if err != nil {
		return nil, err
	}
	if exact && granted > secs {
		_, _ = c.etcd.Revoke(ctx, id) // or it runs out
		return nil, raised(secs, time.Duration(granted)*time.Second)
	}
	s := &session{c: c, id: id, secs: secs, ttl: time.Duration(granted) * time.Second, gone: make(chan struct{}),
		proof: sent, answered: sent, first: make(map[string]*place)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[secs] = s
	s.touch()
	return s, nil
}

// grantLease gets an etcd lease. One whose reply was lost runs out unused.
func (c *conn) grantLease(ctx context.Context, secs int64) (id clientv3.LeaseID, granted int64, sent time.Time, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		sent = time.Now()
		resp, err := c.etcd.Grant(ctx, secs)
		if err == nil {
			id, granted = resp.ID, resp.TTL
		}
		return err
	})
	return id, granted, sent, err
}

// raised refuses a TTL that the servers do not grant.
func raised(secs int64, granted time.Duration) error {
	return invalid("TTL %v: the servers' shortest is %v, by their election timeout", time.Duration(secs)*time.Second, granted)
}

// usable returns the session of secs, or nil when it may have run out.
func (c *conn) usable(secs int64, exact bool) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, driver.ErrClosed
	}
	s := c.sessions[secs]
	if s == nil {
		return nil, nil
	}
	if time.Since(s.answered) > s.ttl {
		s.lose()
		return nil, nil
	}
	if exact && s.ttl > time.Duration(secs)*time.Second {
		return nil, raised(secs, s.ttl)
	}
	s.touch()
	return s, nil
}

// touch keeps s alive for a while. mu is held.
func (s *session) touch() {
	s.used = time.Now()
	if s.timer == nil && !s.ended && !s.c.closed {
		s.timer = time.AfterFunc(s.ttl/3, s.tick)
	}
}

// tick keeps s alive when it is wanted and nobody else has done so.
func (s *session) tick() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.ended || s.c.closed || s.waiting == 0 && time.Since(s.used) > idle {
		s.timer = nil
		return
	}
	next := s.ttl/3 - time.Since(s.answered)
	if next <= 0 {
		if s.inFlight == nil {
			s.send()
		}
		next = s.ttl / 3
	}
	s.timer.Reset(next)
}

func (s *session) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// lose ends s and everything that is held on it. mu is held.
func (s *session) lose() {
	if s.ended {
		return
	}
	s.ended = true
	s.stopTimer()
	close(s.gone)
	if s.c.sessions[s.secs] == s {
		delete(s.c.sessions, s.secs)
	}
	for holder, p := range s.c.places {
		if p.on == s && p.held {
			p.stopTimer()
			delete(s.c.places, holder)
		}
	}
}

// lost is lose for who does not hold mu.
func (s *session) lost() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.lose()
}

// wait says whether somebody needs s from now on, or no more.
func (s *session) wait(on bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if on {
		s.waiting++
	} else {
		s.waiting--
	}
	s.touch()
}

// A keepAlive is on its way until done is closed.
type keepAlive struct {
	done chan struct{}
	sent time.Time
	term uint64 // of the server that has passed it on or answered it
	err  error
}

// send sends a keep-alive. mu is held.
func (s *session) send() *keepAlive {
	k := &keepAlive{done: make(chan struct{}), sent: time.Now(), err: driver.ErrClosed}
	if s.c.closed {
		close(k.done)
		return k
	}
	s.inFlight = k
	s.c.run(func() { s.deliver(k) })
	return k
}

func (s *session) deliver(k *keepAlive) {
	defer close(k.done)
	// Trust counts from the first try, whichever was answered: see proved.
	k.err = s.c.call(s.c.ctx, func(ctx context.Context) (err error) {
		k.term, err = s.c.keepAliveOnce(ctx, s.id)
		return err
	})
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.inFlight == k {
		s.inFlight = nil
	}
	switch {
	case k.err == nil && k.sent.After(s.answered):
		s.answered = k.sent
	case errors.Is(k.err, rpctypes.ErrLeaseNotFound):
		s.lose()
	}
}

// keepAliveOnce does what the method of that name of etcd's client does, which tries again
// without a pause while no server can be reached.
func (c *conn) keepAliveOnce(ctx context.Context, id clientv3.LeaseID) (term uint64, err error) {
	c.keptAlive.Add(1)
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	stream, err := pb.NewLeaseClient(c.etcd.ActiveConnection()).LeaseKeepAlive(clientv3.WithRequireLeader(ctx))
	if err != nil {
		return 0, rpctypes.Error(err)
	}
	if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil {
		return 0, rpctypes.Error(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		return 0, rpctypes.Error(err)
	}
	if resp.GetTTL() <= 0 {
		return 0, rpctypes.ErrLeaseNotFound
	}
	return resp.GetHeader().GetRaftTerm(), nil
}

// fresh returns a keep-alive that is on its way when the last one was too long ago for a
// lock to be granted on it, or nil.
func (s *session) fresh() *keepAlive {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if time.Since(s.proof) < s.ttl/freshness {
		return nil
	}
	if s.inFlight != nil {
		return s.inFlight
	}
	return s.send()
}

// proved returns the time from which trust in a lock on s counts, after a transaction in
// the given term that was sent after k was.
//
// A keep-alive alone proves nothing: a leader that was paused, and has a successor,
// answers what has piled up, while the successor knows nothing of it. A transaction does
// need a majority. In one term there is one leader; so if that of both is the same,
// it was the leader still after k was sent, and every later leader starts the etcd lease
// anew.
func (s *session) proved(ctx context.Context, k *keepAlive, term uint64) (time.Time, error) {
	if k == nil {
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		return s.proof, nil
	}
	for range tries {
		select {
		case <-k.done:
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
		if k.err != nil {
			return time.Time{}, k.err
		}
		if k.term == term {
			return s.prove(k), nil
		}
		s.c.mu.Lock()
		k = s.send()
		s.c.mu.Unlock()
		resp, err := s.c.get(ctx, readKey(s.c.keys.base()))
		if err != nil {
			return time.Time{}, err
		}
		term = resp.Header.RaftTerm
	}
	return time.Time{}, fmt.Errorf("%w: one leader after the other", driver.ErrUnavailable)
}

// prove notes that k counts.
func (s *session) prove(k *keepAlive) time.Time {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if k.sent.After(s.proof) {
		s.proof = k.sent
	}
	return k.sent
}
