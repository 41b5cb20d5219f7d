package pawl

import "errors"

var errSessionGone = errors.New("its session is gone")

// session counts the grants that hang on one session of the driver.
type session struct {
	grants int
	unused chan struct{} // closed when grants is 0
}

// hang watches the session that g hangs on, one goroutine for each session. mu is
// held.
func (k *keeper) hang(g *grant) {
	gone := g.lease.Lost
	if gone == nil {
		return
	}
	if s := k.sessions[gone]; s != nil {
		s.grants++
		return
	}
	s := &session{grants: 1, unused: make(chan struct{})}
	k.sessions[gone] = s
	k.client.background(func() {
		select {
		case <-gone:
			k.sessionGone(gone)
		case <-s.unused:
		case <-k.quit:
		}
	})
}

// unhang undoes hang. mu is held.
func (k *keeper) unhang(g *grant) {
	s := k.sessions[g.lease.Lost]
	if s == nil {
		return
	}
	if s.grants--; s.grants == 0 {
		delete(k.sessions, g.lease.Lost)
		close(s.unused)
	}
}

// sessionGone loses every lease of a session.
func (k *keeper) sessionGone(gone <-chan struct{}) {
	k.client.mu.Lock()
	do := k.loseThose(func(g *grant) bool { return g.lease.Lost == gone }, errSessionGone)
	k.client.mu.Unlock()
	do.run()
}
