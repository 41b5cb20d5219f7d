package etcdlock

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/pawl-go/pawl/driver"
)

// abandonAfter is how long the place of an Acquire that has failed is left to a Release,
// before it is taken out of the line.
const abandonAfter = 500 * time.Millisecond

// place is the key of one request, from before it is sent until it is known to be gone.
// conn.mu guards what changes.
type place struct {
	c    *conn
	req  driver.Request
	key  string
	home *session // that key is named after
	on   *session // that key is attached to

	rev    int64 // in which key was created; 0 while that is not known
	mod    int64 // in which this driver has written it last
	held   bool  // by a lease that was granted
	broken bool  // not to be renewed any more
	ends   time.Time
	timer  *time.Timer // takes the key away: at ends, or after a failed Acquire
}

// place returns req's place for an Acquire that begins, on home.
func (c *conn) place(req *driver.Request, home *session) *place {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.places[req.Holder]
	if p == nil {
		p = &place{c: c, req: *req}
		c.places[req.Holder] = p
	}
	if p.timer != nil && !p.held {
		p.timer.Stop()
	}
	if p.rev == 0 && p.home != home {
		p.settle(home, "")
	}
	return p
}

// settle chooses p's key. An etcd lease has one key of each name; were it shared by two
// requests, both would be granted. The second gets one of its own beside it. mu is held.
func (p *place) settle(home *session, beside string) {
	p.unsettle()
	if home.first[p.req.Name] != nil {
		beside = p.req.Holder
	}
	if beside == "" {
		home.first[p.req.Name] = p
	}
	p.home, p.on = home, home
	p.key = p.c.keys.place(p.req.Name, home.id, beside)
}

func (p *place) unsettle() {
	if p.home != nil && p.home.first[p.req.Name] == p {
		delete(p.home.first, p.req.Name)
	}
}

// moveBeside gives p another key, because somebody whom this driver does not know has the
// one that it wanted.
func (p *place) moveBeside() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.settle(p.home, p.req.Holder)
}

// forget notes that nothing is known of p any more. mu is held.
func (p *place) forget() {
	p.stopTimer()
	p.unsettle()
	if p.c.places[p.req.Holder] == p {
		delete(p.c.places, p.req.Holder)
	}
}

// dropped is forget for who does not hold mu.
func (p *place) dropped() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.forget()
}

func (p *place) stopTimer() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

// created notes that p's key is there since rev, and was last written in mod.
func (p *place) created(rev, mod int64) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.rev, p.mod = rev, mod
}

// moved notes that p's key was attached to another session in mod.
func (p *place) moved(on *session, mod int64) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.on, p.mod = on, mod
}

// vanished notes that p's key is not there any more, so that it may be created again.
func (p *place) vanished() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.rev, p.mod, p.on = 0, 0, p.home
}

// hold makes p a lease on s that is trusted from proof on. It returns false when s has
// been lost, or the driver closed, meanwhile.
func (p *place) hold(s *session, proof time.Time) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if s.ended || p.c.closed {
		return false
	}
	p.on, p.held = s, true
	p.extend(proof)
	return true
}

// extend lets p end a TTL after proof. mu is held.
func (p *place) extend(proof time.Time) {
	if ends := proof.Add(p.req.TTL); ends.After(p.ends) {
		p.ends = ends
	}
	p.arm(time.Until(p.ends))
}

// arm plans the end of p. mu is held.
func (p *place) arm(after time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(after, p.expire)
		return
	}
	p.timer.Reset(after)
}

// abandon plans the end of holder's place after a failed Acquire.
func (c *conn) abandon(holder string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.places[holder]; p != nil && !c.closed && !p.held {
		p.arm(abandonAfter)
	}
}

// expire takes p's key away when its time is over: the etcd lease may live on for other
// locks. While this process stands still, nobody keeps that alive.
func (p *place) expire() {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.places[p.req.Holder] != p {
		return
	}
	if left := time.Until(p.ends); p.held && left > 0 {
		p.timer.Reset(left)
		return
	}
	held, rev, mod := p.held, p.rev, p.mod
	p.forget()
	c.run(func() { p.takeAway(held, rev, mod) })
}

// takeAway deletes p's key until it is gone for certain, or its etcd lease must be. What
// another driver has renewed since is that one's.
func (p *place) takeAway(held bool, rev, mod int64) {
	ctx, cancel := context.WithTimeout(p.c.ctx, 2*p.req.TTL+placeTTL)
	defer cancel()
	for {
		var err error
		if held {
			err = p.c.remove(ctx, p.req.Name, p.key, written(p.key, mod))
		} else {
			err = p.c.leave(ctx, &p.req, p.key, rev)
		}
		if err == nil || !sleep(ctx, time.Second) {
			return
		}
	}
}

// remove deletes key, of a lock of name, if it is the one that is meant.
func (c *conn) remove(ctx context.Context, name, key string, meant *pb.Compare) error {
	_, err := c.combine(ctx, name, txn{cmps: []*pb.Compare{meant}, then: []*pb.RequestOp{drop(key)}})
	return err
}
