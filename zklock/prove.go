package zklock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"
)

// beat says something to the server, so that the leader hears of the session; and
// proves from time to time that the session lives, so that who waits in line is granted on that
// proof without another round trip.
func (s *session) beat() {
	defer s.beating.Store(false)
	if s.contact.stale(s.d.ttl()/3) && s.d.isWaited() && s.isPrepared() {
		_ = s.prove()
		return
	}
	sent := time.Now()
	if _, _, err := s.conn.Exists(s.d.internal()); err == nil {
		s.contact.answered(sent)
	}
}

// prove makes a change to the session's own node, together with whatever else is to be
// changed then. A Sync would not prove as much: a leader that was deposed and does not
// know it answers Syncs by itself.
func (s *session) prove() error {
	if !s.isPrepared() {
		return errSessionOver // who asks does so for a lease of the one before it
	}
	c := &change{}
	s.apply(c)
	return c.err
}

// disown ends the session after somebody has deleted its own node, and maybe what tokens
// stand on: the next one begins anew, and the nodes of this one are left to run out.
func (s *session) disown() error {
	s.wire.muted.Store(true)
	s.end()
	return errSessionOver
}

// isPrepared reports whether the session has its own node, as it has before its first lock.
func (s *session) isPrepared() bool {
	s.setup.Lock()
	defer s.setup.Unlock()
	return s.node != ""
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
