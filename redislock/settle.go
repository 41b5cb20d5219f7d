package redislock

import (
	"context"
	"sync"
	"time"
)

// settlers look at a lock one claim window after this client has released it to
// somebody in line: who has not claimed it by then was stopped, and the next in line
// would not know. One look serves all releases of a claim window.
type settlers struct {
	conn *conn

	mu     sync.Mutex
	byName map[string]*settler
	closed bool
}

type settler struct {
	timer *time.Timer
	last  time.Time // the last release
}

// afterClaim is when an unclaimed grant has run out.
const afterClaim = claimWindow + time.Millisecond

func (s *settlers) start(c *conn) {
	s.conn = c
	s.byName = make(map[string]*settler)
}

// soon has name looked at.
func (s *settlers) soon(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if one := s.byName[name]; one != nil {
		one.last = time.Now()
		return
	}
	one := &settler{last: time.Now()}
	one.timer = time.AfterFunc(afterClaim, func() { s.settle(name, one) })
	s.byName[name] = one
}

func (s *settlers) settle(name string, one *settler) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	if left := afterClaim - time.Since(one.last); left > 0 {
		one.timer.Reset(left)
		s.mu.Unlock()
		return
	}
	delete(s.byName, name)
	s.mu.Unlock()
	op := &operation{key: s.conn.lockKey(name), args: []any{"settle"}}
	_ = s.conn.long.do(context.Background(), op) // waiters look by themselves too
}

func (s *settlers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, one := range s.byName {
		one.timer.Stop()
	}
}
