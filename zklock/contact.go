package zklock

import (
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// contact knows until when the leader cannot have let a session run out.
//
// A write that was answered proves that the session lived when the write was sent, but
// it does not make it live longer: the leader counts a session's time from the last
// heartbeat in which the follower told it of the session, twice in a tick, and neither
// from the writes nor from the Syncs that the follower passes on. What passes on
// between the two goes in order, though. So once a write was answered, the leader has
// also heard of what the client had said somewhat more than half a tick before; and from
// then on a session lasts its timeout.
type contact struct {
	tick    time.Duration
	timeout time.Duration

	mu    sync.Mutex
	proof time.Time    // when the latest write that was answered was sent
	sure  time.Time    // since when, at least, the leader counts the session's time
	said  [8]time.Time // when requests that were answered were sent, a part of a tick apart
	next  int          // where in said
}

// beatsPerTick is how often a session speaks in each tick while it is used. Together with lag
// it must stay under a tick, with room for delays.
const beatsPerTick = 5

// lag is how much before a write something must have been said for the leader to know
// of it when the write is answered: half a tick, and a sixth for delays.
func (c *contact) lag() time.Duration { return c.tick * 2 / 3 }

// connected notes that the leader itself has opened the session, or found it alive,
// after sent.
func (c *contact) connected(sent time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.After(c.sure) {
		c.sure = sent
	}
}

// answered notes that the server has answered what was sent at sent.
func (c *contact) answered(sent time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.Sub(c.last()) >= c.tick/(2*beatsPerTick) {
		c.said[c.next] = sent
		c.next = (c.next + 1) % len(c.said)
	}
}

// last returns when the latest of said was sent. mu is held.
func (c *contact) last() time.Time { return c.said[(c.next+len(c.said)-1)%len(c.said)] }

// silent reports whether nothing was said for age.
func (c *contact) silent(age time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last()) > age
}

// wrote notes that a write was answered that was sent at sent.
func (c *contact) wrote(sent time.Time) {
	c.answered(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.After(c.proof) {
		c.proof = sent
	}
	for _, said := range c.said {
		if said.After(c.sure) && !said.After(sent.Add(-c.lag())) {
			c.sure = said
		}
	}
}

// until returns the trust deadline of a lease of ttl that hangs on the session.
func (c *contact) until(ttl time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := driver.Trust(c.proof, ttl)
	if most := driver.Trust(c.sure, c.timeout); most.Before(until) {
		return most
	}
	return until
}

// stale reports whether the last proof is older than age.
func (c *contact) stale(age time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.proof) > age
}
