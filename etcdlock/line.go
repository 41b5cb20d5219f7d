package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/pawl-go/pawl/driver"
)

// outage is how long one who waits puts up with servers that do not answer: an election
// takes a second or two, of servers far apart more.
const outage = 10 * time.Second

// obstacle is what somebody in line waits for: that a key goes, or that any under a
// prefix does. It was there at revision.
type obstacle struct {
	key      string
	prefix   bool
	changes  bool // is told of changes, too
	created  int64
	revision int64
}

// wait stands in line with e's key, which is there, until it is a lease.
func (c *conn) wait(ctx context.Context, e *entry) (driver.Lease, error) {
	for _, s := range []*session{e.queue, e.home} {
		s.wait(true)
		defer s.wait(false)
	}
	w := watch{c: c}
	defer w.close()
	answered := time.Now()
	for {
		granted, ob, err := e.look(ctx)
		switch {
		case err == nil && granted:
			return e.lease, nil
		case err == nil:
			answered = time.Now()
			err = w.await(ctx, e.queue, ob)
		}
		if err != nil && (!errors.Is(err, driver.ErrUnavailable) || time.Since(answered) > outage || !sleep(ctx, retryAfter)) {
			return driver.Lease{}, orEnded(ctx, err)
		}
	}
}

// orEnded returns ctx's error when it has one.
func orEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// look makes e a lease if it can, or says what it waits for.
func (e *entry) look(ctx context.Context) (bool, obstacle, error) {
	switch {
	case e.req.Slots > 0:
		return e.lookSlots(ctx)
	case e.req.Mode == driver.Shared:
		return e.lookShared(ctx)
	}
	ahead := e.ahead
	e.ahead = obstacle{}
	if ahead.key != "" {
		return false, ahead, nil
	}
	alone := allCreated(e.c.keys.of(e.req.Name), pb.Compare_GREATER, e.rev-1)
	granted, resp, err := e.claim(ctx, alone)
	if granted || err != nil {
		return granted, obstacle{}, err
	}
	last := kvsOf(resp.Responses[1])
	if len(last) == 0 {
		return false, obstacle{}, fmt.Errorf("%w: a transaction contradicts itself", driver.ErrUnavailable)
	}
	_, err = recordOf(last[0])
	return false, e.obstacleOf(last, resp), err
}

// obstacleOf returns what an exclusive e waits for, when last is what was before it.
func (e *entry) obstacleOf(last []*mvccpb.KeyValue, resp *pb.TxnResponse) obstacle {
	if len(last) == 0 || e.req.Slots > 0 || e.req.Mode == driver.Shared {
		return obstacle{}
	}
	return obstacle{key: string(last[0].Key), created: last[0].CreateRevision, revision: resp.Header.Revision}
}

// last reads the last n who came before rev.
func (e *entry) last(rev int64, n int) *pb.RequestOp {
	r := newest(e.c.keys.of(e.req.Name), n)
	r.MaxCreateRevision = rev - 1
	return read(r)
}

// claim makes e's key a lease if it is still there and conditions are met: in the
// transaction that moves it from the etcd lease of the line to that of its TTL.
func (e *entry) claim(ctx context.Context, conditions ...*pb.Compare) (bool, *pb.TxnResponse, error) {
	alive := e.home.fresh()
	resp, err := e.c.combine(ctx, e.req.Name, txn{append(conditions, created(e.key, e.rev)),
		[]*pb.RequestOp{put(e.key, valueOf(e.req, time.Now()), e.home.id)}, []*pb.RequestOp{readBare(e.key), e.last(e.rev, 1)}})
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		e.home.lost()
		return false, nil, err
	case err != nil:
		return false, nil, err
	case resp.Succeeded:
		e.moved(e.home, resp.Header.Revision)
		return true, resp, e.grant(ctx, alive, resp.Header.RaftTerm)
	case len(kvsOf(resp.Responses[0])) == 0: // it ran out, or somebody took it away
		e.vanished()
		return false, nil, errAgain
	}
	return false, resp, nil
}

// readersAtOnce is how many of those before it a reader reads at once to find the last
// one who is none.
const readersAtOnce = 32

// lookShared waits for the last exclusive one before e.
func (e *entry) lookShared(ctx context.Context) (bool, obstacle, error) {
	for rev := e.rev; ; {
		resp, err := e.c.get(ctx, e.last(rev, readersAtOnce))
		if err != nil {
			return false, obstacle{}, err
		}
		records, err := recordsOf(kvsOf(resp.Responses[0]))
		if err != nil {
			return false, obstacle{}, err
		}
		for i := range records {
			if !records[i].shared() {
				return false, obstacle{key: records[i].key, revision: resp.Header.Revision}, nil
			}
		}
		if len(records) < readersAtOnce {
			granted, _, err := e.claim(ctx)
			return granted, obstacle{}, err
		}
		rev = records[len(records)-1].rev
	}
}

// lookSlots waits until a slot is free and all before e have got theirs. The first in
// line watches all who hold; everybody else only the one before, whose claim changes its
// key.
func (e *entry) lookSlots(ctx context.Context) (bool, obstacle, error) {
	name := e.c.keys.of(e.req.Name)
	firsts := oldest(name, e.req.Slots+1)
	firsts.KeysOnly = true
	resp, err := e.c.get(ctx, read(firsts), e.last(e.rev, 1))
	if err != nil {
		return false, obstacle{}, err
	}
	ahead := 0
	for _, kv := range kvsOf(resp.Responses[0]) {
		if kv.CreateRevision < e.rev {
			ahead++
		}
	}
	switch {
	case ahead < e.req.Slots:
		granted, _, err := e.claim(ctx)
		return granted, obstacle{}, err
	case ahead == e.req.Slots:
		return false, obstacle{key: name, prefix: true, revision: resp.Header.Revision}, nil
	}
	return false, obstacle{key: string(kvsOf(resp.Responses[1])[0].Key), changes: true, revision: resp.Header.Revision}, nil
}
