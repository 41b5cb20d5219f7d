package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/pawl-go/pawl/driver"
)

// errAgain: something has changed that the request rested on, and it begins again.
var errAgain = errors.New("again")

// restarts bounds how often that may happen in a row.
const restarts = 20

func (c *conn) Acquire(ctx context.Context, req driver.Request) (lease driver.Lease, err error) {
	if err := c.refuse(ctx, &req); err != nil {
		return lease, err
	}
	defer func() {
		if err != nil { // for good: an attempt that begins again keeps its place
			c.abandon(req.Holder)
		}
	}()
	for n := 0; n < restarts; n++ {
		begun := time.Now()
		lease, err = c.acquire(ctx, &req)
		if !errors.Is(err, errAgain) && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return lease, err
		}
		if time.Since(begun) > placeTTL {
			n = 0 // it has stood in line, and lost its place
		}
	}
	return driver.Lease{}, fmt.Errorf("%w: the etcd lease or the tokens' base change again and again", driver.ErrUnavailable)
}

// refuse returns why req cannot even be sent.
func (c *conn) refuse(ctx context.Context, req *driver.Request) error {
	switch {
	case c.ctx.Err() != nil:
		return driver.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case req.TTL <= 0 || req.TTL > maxTTL:
		return invalid("TTL %v: want more than 0 and at most %v", req.TTL, maxTTL)
	}
	return c.keys.check(req.Name)
}

func (c *conn) acquire(ctx context.Context, req *driver.Request) (lease driver.Lease, err error) {
	base, err := c.tokenBase(ctx)
	if err != nil {
		return lease, err
	}
	home, err := c.session(ctx, req.TTL, true)
	if err != nil {
		return lease, err
	}
	var queue *session
	if !req.NoWait {
		if queue, err = c.session(ctx, min(req.TTL, placeTTL), false); err != nil {
			return lease, err
		}
	}
	p := c.place(req, home)
	e := entry{place: p, req: req, home: home, queue: queue, base: base, since: time.Now()}
	for {
		if granted, err := e.enter(ctx); err != nil || granted {
			return e.lease, err
		}
		if !req.NoWait {
			return c.wait(ctx, &e)
		}
	}
}

// entry is one attempt of an Acquire.
type entry struct {
	*place
	req   *driver.Request
	home  *session // for the lease when it is granted
	queue *session // for the place in line; nil with NoWait
	base  uint64
	since time.Time
	// attached: the key hangs on home, and not on the etcd lease of the line.
	attached bool
	met      bool     // others want the name, too, or have lately
	seen     int64    // with NoWait: up to this revision nobody is in the way
	ahead    obstacle // what to wait for first, if that is known
	lease    driver.Lease
}

// enter puts req's key beside those of its name, and reports whether that is a grant. It
// is one transaction, or two where it meets others for the first time. With NoWait, it
// writes only what is a grant, and false means that it has to be tried again.
func (e *entry) enter(ctx context.Context) (granted bool, err error) {
	alive := e.home.fresh()
	e.met = e.met || e.c.crowds.has(e.req.Name)
	resp, err := e.c.combine(ctx, e.req.Name, e.request())
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		e.findLost()
		return false, err
	case err != nil:
		return false, err
	case resp.Succeeded:
		e.attached = true
		e.created(resp.Header.Revision, resp.Header.Revision)
		if e.seen == 0 { // there is nobody else
			if e.met {
				e.c.crowds.remove(e.req.Name)
			}
			return true, e.grant(ctx, alive, resp.Header.RaftTerm)
		}
		return e.judge(ctx, alive, resp, resp.Responses[1])
	case !e.met:
		e.met = true
		e.c.crowds.add(e.req.Name)
		return e.enter(ctx)
	case e.req.NoWait:
		return e.refused(ctx, alive, resp, resp.Responses)
	}
	inLine := resp.Responses[0].GetResponseTxn()
	if !inLine.GetSucceeded() {
		return e.refused(ctx, alive, resp, inLine.GetResponses())
	}
	e.created(resp.Header.Revision, resp.Header.Revision)
	if e.attached = e.queue == e.home; !e.attached {
		e.moved(e.queue, resp.Header.Revision)
	}
	e.ahead = e.obstacleOf(kvsOf(inLine.Responses[0]), resp)
	return e.judge(ctx, alive, resp, inLine.Responses[0])
}

// request creates e's key on the etcd lease of its TTL when nobody else is there, and
// otherwise, where others are to be expected, on that of the line, unless it does not want
// to wait. What only who meets others needs is half of what a request costs.
//
// It may arrive after the Release of its holder id, even as the first of that, so it has to
// look for the mark every time. That the key itself is not there yet needs no compare of
// its own where nobody may be there.
func (e *entry) request() txn {
	k := e.c.keys
	all, value := k.of(e.req.Name), valueOf(e.req, e.since)
	unspent, current := created(k.gone(e.req.Holder), 0), says(k.base(), baseText(e.base))
	t := txn{cmps: []*pb.Compare{unspent, current, allCreated(all, pb.Compare_EQUAL, 0)}, then: []*pb.RequestOp{put(e.key, value, e.home.id)}}
	if !e.met {
		return t
	}
	t.otherwise = []*pb.RequestOp{readKey(e.key), readKey(k.gone(e.req.Holder)), readKey(k.base()), k.firstOf(e.req)}
	switch {
	case e.seen != 0:
		t.cmps = []*pb.Compare{unspent, current, created(e.key, 0), allCreated(all, pb.Compare_LESS, e.seen+1)}
		t.then = append(t.then, k.firstOf(e.req))
	case !e.req.NoWait:
		inLine := txn{[]*pb.Compare{unspent, current, created(e.key, 0)}, []*pb.RequestOp{k.aheadOf(e.req), put(e.key, value, e.queue.id)}, t.otherwise}
		t.otherwise = []*pb.RequestOp{inLine.nested()}
	}
	return t
}

// findLost finds out which of e's sessions is gone.
func (e *entry) findLost() {
	if e.queue == nil {
		e.home.lost()
		return
	}
	e.c.mu.Lock()
	sent := []*keepAlive{e.home.send(), e.queue.send()}
	e.c.mu.Unlock()
	for _, k := range sent {
		<-k.done
	}
}

// refused reads the answer to a request whose key was not created.
func (e *entry) refused(ctx context.Context, alive *keepAlive, resp *pb.TxnResponse, reads []*pb.ResponseOp) (bool, error) {
	own, gone, base := kvsOf(reads[0]), kvsOf(reads[1]), kvsOf(reads[2])
	switch {
	case len(gone) > 0:
		e.dropped()
		return false, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	case len(base) == 0 || string(base[0].Value) != baseText(e.base):
		e.c.forgetBase(e.base) // the servers have lost their data, or got others
		return false, errAgain
	case len(own) > 0:
		if mine, err := recordOf(own[0]); err != nil || mine.Holder != e.req.Holder {
			e.moveBeside()
			return false, errAgain
		}
		e.created(own[0].CreateRevision, own[0].ModRevision)
		e.attached = own[0].Lease == int64(e.home.id)
		return e.judge(ctx, alive, resp, reads[3])
	}
	records, err := recordsOf(kvsOf(reads[3]))
	if err != nil {
		e.dropped()
		return false, err
	}
	free, err := admits(e.req, records)
	switch {
	case err != nil:
	case !free:
		err = heldError(records[0])
	case e.seen >= resp.Header.Revision:
		err = errAgain
	}
	e.seen = resp.Header.Revision
	if err != nil {
		e.dropped()
	}
	return false, err
}

// judge reports whether e's key, which is there, is a lease by what first says.
func (e *entry) judge(ctx context.Context, alive *keepAlive, resp *pb.TxnResponse, first *pb.ResponseOp) (bool, error) {
	records, err := recordsOf(kvsOf(first))
	if err != nil {
		return false, errors.Join(err, e.withdraw(ctx))
	}
	records = before(records, e.rev)
	free, err := admits(e.req, records)
	switch {
	case err != nil:
		return false, errors.Join(err, e.withdraw(ctx))
	case free && !e.attached:
		granted, _, err := e.claim(ctx)
		return granted, err
	case free:
		return true, e.grant(ctx, alive, resp.Header.RaftTerm)
	case e.req.NoWait:
		return false, heldError(records[0])
	}
	return false, nil
}

// withdraw takes back a key that should not have been created.
func (e *entry) withdraw(ctx context.Context) error {
	err := e.c.remove(ctx, e.req.Name, e.key, created(e.key, e.rev))
	if err == nil {
		e.dropped()
	}
	return err
}

// grant makes e a lease after a transaction in the given term.
func (e *entry) grant(ctx context.Context, alive *keepAlive, term uint64) error {
	proof, err := e.home.proved(ctx, alive, term)
	if err != nil {
		return err
	}
	if !e.hold(e.home, proof) {
		return errAgain
	}
	e.lease = driver.Lease{
		Request: *e.req,
		Token:   e.base + uint64(e.rev),
		Until:   driver.Trust(proof, e.req.TTL),
		Lost:    e.home.gone,
		Ref:     e.c,
	}
	return nil
}

func kvsOf(op *pb.ResponseOp) []*mvccpb.KeyValue { return op.GetResponseRange().GetKvs() }

func baseText(base uint64) string { return strconv.FormatUint(base, 10) }

// tokenBase returns what is added to revisions to make tokens: the microseconds at which
// the first client of all wrote it.
func (c *conn) tokenBase(ctx context.Context) (uint64, error) {
	c.mu.Lock()
	base := c.base
	c.mu.Unlock()
	if base != 0 {
		return base, nil
	}
	key := c.keys.base()
	text := strconv.FormatInt(time.Now().UnixMicro(), 10)
	resp, err := c.commit(ctx, txn{[]*pb.Compare{created(key, 0)}, []*pb.RequestOp{put(key, text, 0)}, []*pb.RequestOp{readKey(key)}})
	if err != nil {
		return 0, err
	}
	if !resp.Succeeded {
		text = string(kvsOf(resp.Responses[0])[0].Value)
	}
	base, err = readBase(text)
	if err != nil {
		return 0, invalid("the key %q holds %q: want the microseconds that tokens are based on", key, text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = base
	return base, nil
}

// readBase reads a base, which leaves room for revisions under 1<<55.
func readBase(text string) (uint64, error) {
	base, err := strconv.ParseUint(text, 10, 54)
	if err == nil && base == 0 {
		err = strconv.ErrRange
	}
	return base, err
}

func (c *conn) forgetBase(base uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == base {
		c.base = 0
	}
}
