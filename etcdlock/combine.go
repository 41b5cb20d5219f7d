package etcdlock

import (
	"context"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/pawl-go/pawl/driver"
)

const (
	// maxFlights is how many transactions of a client are under way at once before the next
	// operations gather: one that the servers work on, and one on the wire.
	maxFlights = 2
	// maxBatch and maxCompares are what one transaction carries. etcd's --max-txn-ops, 128
	// by default, bounds how many compares or operations the outer transaction has, plus how
	// many a nested one has, plus those of one in that: 96 + 4 + 4.
	maxBatch    = 32
	maxCompares = 96
	// opCompares is how many one operation has at most.
	opCompares = 4
	// maxSingles is how many operations that go by themselves are under way at once. Each
	// of a crowd costs etcd more the larger the crowd is, and a thousand at once would all be
	// late, be sent again, and be late again.
	maxSingles = 16
)

// An operation is a transaction for one lock, on its way. Run twice, it has the effect of one.
type operation struct {
	txn
	name     string          // of the lock
	ctx      context.Context // of who wants it
	deadline time.Time

	resp *pb.TxnResponse
	err  error
	done chan struct{} // closed when resp or err is set

	// Guarded by the combiner's mu.
	left bool               // nobody wants it any more
	stop context.CancelFunc // ends the try of the batch that it is part of
}

// combiner runs what the goroutines of a client want at the same moment as one transaction:
// while some are under way, others gather. Most of what an operation costs is the message,
// the entry of the log and the transaction around it.
//
// etcd evaluates the compares of a transaction and of all that are nested in it on the
// state before the first of its operations, and all keys that it creates have one
// revision. So two operations on one lock must never share one: both would find it free, and
// neither would be the older. The second goes by itself. Names that are one another's prefix,
// which only raw names can be, may share one: that is as if the lock on "a" was taken
// before the one on "a/b", which does not wait for it.
type combiner struct {
	c *conn

	singles chan struct{} // has one for each that goes by itself

	mu       sync.Mutex
	pending  []*operation
	names    map[string]bool // of pending
	compares int             // of pending
	flights  int
	closed   bool
}

// combine runs a transaction for a lock of name, as commit does.
func (c *conn) combine(ctx context.Context, name string, t txn) (*pb.TxnResponse, error) {
	op := &operation{txn: t, name: name, ctx: ctx, deadline: time.Now().Add(c.timeout), done: make(chan struct{})}
	switch c.combiner.board(op) {
	case takesOff:
		c.combiner.fly([]*operation{op})
	case byItself:
		return c.combiner.single(op)
	default:
		select {
		case <-op.done:
		case <-ctx.Done():
			c.combiner.leave(op)
			return nil, ctx.Err()
		case <-c.ctx.Done():
			return nil, driver.ErrClosed
		}
	}
	return op.resp, op.err
}

// single runs an operation that goes by itself, when it is its turn.
func (b *combiner) single(op *operation) (*pb.TxnResponse, error) {
	select {
	case b.singles <- struct{}{}:
		defer func() { <-b.singles }()
	case <-op.ctx.Done():
		return nil, op.ctx.Err()
	case <-b.c.ctx.Done():
		return nil, driver.ErrClosed
	}
	op.deadline = time.Now().Add(b.c.timeout)
	b.c.alone(op, func() {})
	return op.resp, op.err
}

// boarding is how an operation goes.
type boarding int

const (
	gathers boarding = iota
	takesOff
	byItself
)

func (b *combiner) board(op *operation) boarding {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed || b.names[op.name]:
		return byItself
	case b.flights < maxFlights: // and so nothing is pending
		b.flights++
		return takesOff
	}
	b.pending = append(b.pending, op)
	b.names[op.name] = true
	b.compares += len(op.cmps)
	if len(b.pending) == maxBatch || b.compares > maxCompares-opCompares {
		b.flights++ // one more than there should be, but waiting would gather nothing
		b.depart()
	}
	return gathers
}

// depart sends off what is pending. mu is held.
func (b *combiner) depart() {
	batch := b.pending
	b.pending, b.compares = nil, 0
	clear(b.names)
	b.c.background.Go(func() { b.fly(batch) })
}

// land ends a flight, and lets what is pending take its place.
func (b *combiner) land() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flights > maxFlights || len(b.pending) == 0 || b.closed {
		b.flights--
		return
	}
	b.depart()
}

// leave takes op out of its batch: whoever wanted it is going to release the holder id. What
// has been sent by then is stopped by the mark of that; but what is sent later, even after
// many a try, could arrive when the mark is gone.
func (b *combiner) leave(op *operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	op.left = true
	if op.stop != nil {
		op.stop()
	}
}

// staying returns those of batch that are still wanted, and lets the others stop the try
// that begins.
func (b *combiner) staying(batch []*operation, stop context.CancelFunc) []*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	var stay []*operation
	for _, op := range batch {
		if !op.left {
			op.stop = stop
			stay = append(stay, op)
		}
	}
	return stay
}

// close refuses to gather any more. What is pending is never sent.
func (b *combiner) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// fly runs the operations of batch, whose names are different. The flight lands with the
// first try: what hangs does not keep the others on the ground.
func (b *combiner) fly(batch []*operation) {
	land := sync.OnceFunc(b.land)
	defer land()
	if len(batch) == 1 {
		b.c.alone(batch[0], land)
	} else {
		b.c.together(batch, land)
	}
	for _, op := range batch {
		close(op.done)
	}
}

// alone runs one operation, and calls tried after each try.
func (c *conn) alone(op *operation, tried func()) {
	op.err = c.callUntil(op.ctx, op.deadline, func(ctx context.Context) (err error) {
		op.resp, err = c.transact(ctx, op.txn)
		tried()
		return err
	})
}

// together runs batch as one transaction.
func (c *conn) together(batch []*operation, tried func()) {
	var resp *pb.TxnResponse
	var failure error
	err := c.callUntil(c.ctx, batch[0].deadline, func(ctx context.Context) error {
		try, stop := context.WithCancel(ctx)
		defer stop()
		if batch = c.combiner.staying(batch, stop); len(batch) == 0 {
			return nil
		}
		resp, failure = c.transact(try, combined(batch))
		if failure != nil && try.Err() != nil && ctx.Err() == nil {
			failure = context.DeadlineExceeded // somebody has left: once more without
		}
		tried()
		return failure
	})
	if err == nil {
		share(resp, batch)
		return
	}
	if transient(failure) || c.ctx.Err() != nil {
		for _, op := range batch {
			op.err = err
		}
		return
	}
	// It was refused as a whole: for a lease that has run out, a key that this user may not
	// write, or its size. One may be to blame, and the others are not to suffer.
	var all sync.WaitGroup
	for _, op := range batch {
		all.Go(func() { c.alone(op, func() {}) })
	}
	all.Wait()
}

// combined returns the transaction that does all of batch. When all compares of all
// operations hold, which is the rule, it has them side by side, and else each of them
// nested. Side by side is less work for etcd, and it looks only there whether the user may
// write: up to 3.6.5 at least, a nested operation is not checked.
func combined(batch []*operation) txn {
	var all txn
	for _, op := range batch {
		all.cmps = append(all.cmps, op.cmps...)
		all.then = append(all.then, op.then...)
		all.otherwise = append(all.otherwise, op.nested())
	}
	return all
}

// share gives each of batch its part of the answer to combined.
func share(resp *pb.TxnResponse, batch []*operation) {
	next := 0
	for i, op := range batch {
		op.resp = &pb.TxnResponse{Header: resp.Header, Succeeded: true}
		if resp.Succeeded {
			op.resp.Responses = resp.Responses[next : next+len(op.then)]
			next += len(op.then)
			continue
		}
		nested := resp.Responses[i].GetResponseTxn()
		op.resp.Succeeded, op.resp.Responses = nested.GetSucceeded(), nested.GetResponses()
	}
}
