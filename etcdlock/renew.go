package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/pawl-go/pawl/driver"
)

// checkedAtOnce is how many keys a renewal looks at, so that its cost does not grow with
// the locks: one that somebody has deleted by hand is noticed when its turn comes. Break and Force
// leave a note that every renewal reads. etcd allows 128 operations in a transaction.
const checkedAtOnce = 100

func (c *conn) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	groups := make(map[*session]*renewal)
	for i := range leases {
		p, err := c.placeOf(ctx, &leases[i])
		if err != nil {
			renewals[i].Err = err
			continue
		}
		if groups[p.on] == nil {
			groups[p.on] = &renewal{session: p.on}
		}
		groups[p.on].add(p, &renewals[i])
	}
	var all sync.WaitGroup
	for _, g := range groups {
		all.Go(func() { g.run(ctx) })
	}
	all.Wait()
	return renewals
}

// placeOf returns the place of a lease that can be renewed.
func (c *conn) placeOf(ctx context.Context, lease *driver.Lease) (*place, error) {
	c.mu.Lock()
	closed, p := c.closed, c.places[lease.Holder]
	held, broken := p != nil && p.held, p != nil && p.broken
	c.mu.Unlock()
	switch {
	case closed:
		return nil, driver.ErrClosed
	case broken:
		return nil, errBroken
	case held:
		return p, nil
	case p != nil || lease.Ref == c:
		return nil, errOver
	}
	return c.adopt(ctx, lease)
}

// adopt makes a lease that another driver has granted one of this driver's. That driver
// leaves the key alone from then on.
func (c *conn) adopt(ctx context.Context, lease *driver.Lease) (*place, error) {
	l, err := c.line(ctx, lease.Name)
	if err != nil {
		return nil, err
	}
	held := l.records[:l.holders()]
	i := slices.IndexFunc(held, func(r record) bool { return r.Holder == lease.Holder })
	if i < 0 {
		return nil, errOver
	}
	r, note := held[i], c.keys.brokenOf(held[i].lease, held[i].Holder)
	if l.broken[note] {
		return nil, errBroken
	}
	s, err := c.session(ctx, lease.TTL, true)
	if err != nil {
		return nil, err
	}
	resp, err := c.combine(ctx, lease.Name, txn{cmps: []*pb.Compare{created(r.key, r.rev), created(note, 0)},
		then: []*pb.RequestOp{put(r.key, valueOf(&lease.Request, r.since()), s.id)}})
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		s.lost()
		return nil, fmt.Errorf("%w: the etcd lease to take it over is gone", driver.ErrUnavailable)
	case err != nil:
		return nil, err
	case !resp.Succeeded:
		return nil, errOver
	}
	p := &place{c: c, req: lease.Request, key: r.key, rev: r.rev}
	c.mu.Lock()
	c.places[lease.Holder] = p
	c.mu.Unlock()
	p.moved(s, resp.Header.Revision)
	p.hold(s, time.Now())
	return p, nil
}

var (
	errOver    = fmt.Errorf("it has run out: %w", driver.ErrLost)
	errBroken  = fmt.Errorf("it was broken: %w", driver.ErrLost)
	errDeleted = fmt.Errorf("its key was deleted: %w", driver.ErrLost)
	errSession = fmt.Errorf("the etcd lease has run out or was revoked: %w", driver.ErrLost)
)

// renewal renews the leases of one session.
type renewal struct {
	*session
	places  []*place
	outcome []*driver.Renewal
}

func (g *renewal) add(p *place, outcome *driver.Renewal) {
	g.places, g.outcome = append(g.places, p), append(g.outcome, outcome)
}

// run sends one keep-alive, and one transaction that looks what has become of the keys.
func (g *renewal) run(ctx context.Context) {
	g.c.mu.Lock()
	alive := g.send()
	from := g.checked
	g.checked += checkedAtOnce
	g.c.mu.Unlock()
	sent := alive.sent
	n := min(len(g.places), checkedAtOnce)
	broken := under(g.c.keys.brokenOn(g.id))
	broken.KeysOnly = true
	ops := []*pb.RequestOp{put(g.c.keys.client(g.id), strconv.FormatInt(sent.UnixMicro(), 10), g.id), read(broken)}
	for i := range n {
		ops = append(ops, readBare(g.places[(from+i)%len(g.places)].key))
	}
	resp, err := g.c.commit(ctx, txn{then: ops})
	var proof time.Time
	if err == nil {
		proof, err = g.proved(ctx, alive, resp.Header.RaftTerm)
	}
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		g.lost()
		err = errSession
	}
	if err != nil {
		for _, o := range g.outcome {
			o.Err = err
		}
		return
	}
	g.settle(proof, g.gone(resp, from, n))
}

// gone returns the places whose keys are gone or broken, with the reasons.
func (g *renewal) gone(resp *pb.TxnResponse, from, n int) map[*place]error {
	gone := make(map[*place]error)
	for i := range n {
		p := g.places[(from+i)%len(g.places)]
		if kvs := kvsOf(resp.Responses[2+i]); len(kvs) == 0 || kvs[0].ModRevision != p.mod {
			gone[p] = errDeleted
		}
	}
	broken := make(map[string]bool)
	for _, kv := range kvsOf(resp.Responses[1]) {
		broken[string(kv.Key)] = true
	}
	for _, p := range g.places {
		if len(broken) > 0 && gone[p] == nil && broken[g.c.keys.brokenOf(g.id, p.req.Holder)] {
			gone[p] = errBroken
		}
	}
	return gone
}

// settle gives every place its outcome.
func (g *renewal) settle(proof time.Time, gone map[*place]error) {
	g.c.mu.Lock()
	defer g.c.mu.Unlock()
	for i, p := range g.places {
		switch {
		case g.c.places[p.req.Holder] != p: // it ran out while its renewal was under way
			g.outcome[i].Err = errOver
		case gone[p] != nil:
			p.broken = true // its key goes when its time is over
			g.outcome[i].Err = gone[p]
		default:
			p.extend(proof)
			g.outcome[i].Until = driver.Trust(proof, p.req.TTL)
		}
	}
}
