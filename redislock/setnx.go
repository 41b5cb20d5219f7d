package redislock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/rediskey"
)

// NewSetNX returns a driver that keeps each lock in one plain key, as most other
// libraries do (redsync, bsm/redislock, redis-py, node-redlock): the key is the name,
// the value is the holder's alone, and SET NX PX sets both. Programs that use such a
// library and programs that use this driver exclude each other. Use it for that; New
// does more and waits better.
//
// Options.Prefix begins every key, and is empty by default, since the others must use
// the same key. rdb stays the caller's: Close does not close it.
//
// What a plain key cannot do:
//   - There is no line. Waiters poll (see driver.Poll), and of those who wait anybody
//     may be next. Inspect shows the holder, and no waiters.
//   - Shared locks and slots are not supported.
//   - Tokens are the microseconds of the server's clock at the grant. They rise as long
//     as that clock is not set back and a replica that takes over does not lag behind
//     it. Holders from other libraries have no token.
//   - Any string under the name is somebody's lock. A key of another type is
//     driver.ErrInvalidName, and is not touched.
//   - Nobody knows the owner of another library's lock: its value is shown as the
//     holder id.
//   - List needs a prefix, of its own or in the Options, and is otherwise
//     driver.ErrUnsupported: every string of the database might be a lock.
//
// Break changes the value and keeps the expiry, so that holders of any library that
// compares values cannot renew; they cannot release early either. It is
// driver.ErrUnsupported for a key that has no expiry. Force deletes the key, whoever
// has set it.
//
// Errors: driver.ErrInvalidOption.
func NewSetNX(rdb redis.UniversalClient, opts *Options) (driver.Driver, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("redislock: Timeout %v: want more than 0: %w", o.Timeout, driver.ErrInvalidOption)
	}
	return &setNX{rdb: rdb, prefix: o.Prefix, timeout: o.Timeout, closing: make(chan struct{})}, nil
}

// setNX is one client's access to locks that are plain keys.
type setNX struct {
	rdb     redis.UniversalClient
	prefix  string
	timeout time.Duration // of one call

	closing chan struct{} // closed at Close

	mu       sync.Mutex // guards closing, and underWay against an Add beside its Wait
	underWay sync.WaitGroup
}

func (s *setNX) Traits() driver.Traits {
	return driver.Traits{
		Backend:   "redis-setnx",
		Scope:     driver.Network,
		Durable:   true, // no token is stored, so none can be lost
		MinTTL:    50 * time.Millisecond,
		Precision: 50 * time.Millisecond,
	}
}

// Close refuses new calls, ends those that wait, and waits for what has been sent.
func (s *setNX) Close() error {
	s.mu.Lock()
	if !s.isClosed() {
		close(s.closing)
	}
	s.mu.Unlock()
	s.underWay.Wait()
	return nil
}

func (s *setNX) isClosed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// begin counts one call more, or returns why there may be none.
func (s *setNX) begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isClosed():
		return driver.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	s.underWay.Add(1)
	return nil
}

// keys returns the lock's key and the mark of a holder that was released before it
// arrived.
func (s *setNX) keys(name, holder string) []string {
	key := s.prefix + name
	return []string{key, rediskey.Beside(key, ":released:"+holder)}
}
