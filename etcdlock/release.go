package etcdlock

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Release(ctx context.Context, req driver.Request) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return driver.ErrClosed
	}
	p := c.places[req.Holder]
	var key string
	var rev int64
	held := false
	if p != nil {
		key, rev, held = p.key, p.rev, p.held
	}
	c.mu.Unlock()

	var err error
	if held {
		err = c.remove(ctx, req.Name, key, created(key, rev))
	} else {
		err = c.leave(ctx, &req, key, rev)
	}
	if err == nil && p != nil {
		p.dropped()
	}
	return err
}

// leave marks req's holder id as released, and deletes its key: the one that was created
// in rev where that is known, or else whatever key says that it is of this holder.
func (c *conn) leave(ctx context.Context, req *driver.Request, key string, rev int64) error {
	for {
		mark, err := c.mark(ctx, req)
		if err != nil {
			return err
		}
		t := txn{then: []*pb.RequestOp{mark, read(under(c.keys.of(req.Name)))}}
		if rev != 0 {
			t = txn{[]*pb.Compare{created(key, rev)}, []*pb.RequestOp{mark, drop(key)}, t.then}
		}
		resp, err := c.combine(ctx, req.Name, t)
		switch {
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			c.forgetMarks(req)
		case err != nil || rev != 0 && resp.Succeeded:
			return err
		default:
			return c.removeOf(ctx, req, resp)
		}
	}
}

// removeOf deletes the key of req's holder among those that resp has read.
func (c *conn) removeOf(ctx context.Context, req *driver.Request, resp *pb.TxnResponse) error {
	for _, kv := range kvsOf(resp.Responses[1]) {
		if r, err := recordOf(kv); err == nil && r.Holder == req.Holder {
			return c.remove(ctx, req.Name, r.key, created(r.key, r.rev))
		}
	}
	return nil
}

// markLease is the etcd lease of marks that are made until then. It lives for a TTL
// longer.
type markLease struct {
	id    clientv3.LeaseID
	until time.Time
}

// mark returns what marks req's holder id for at least one TTL.
func (c *conn) mark(ctx context.Context, req *driver.Request) (*pb.RequestOp, error) {
	secs := seconds(req.TTL)
	c.mu.Lock()
	lease := c.marks[secs]
	c.mu.Unlock()
	if time.Now().After(lease.until) {
		id, _, sent, err := c.grantLease(ctx, 2*secs)
		if err != nil {
			return nil, err
		}
		lease = markLease{id, sent.Add(time.Duration(secs) * time.Second)}
		c.mu.Lock()
		c.marks[secs] = lease
		c.mu.Unlock()
	}
	return put(c.keys.gone(req.Holder), "", lease.id), nil
}

func (c *conn) forgetMarks(req *driver.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.marks, seconds(req.TTL))
}
