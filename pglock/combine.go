package pglock

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// An operation is one thing to do for one request.
type operation struct {
	req     *driver.Request
	outcome outcome
	err     error
	done    chan struct{} // closed when outcome or err is set
}

// outcome is what an operation has come to. Its zero value says that nothing was done.
type outcome struct {
	sent  time.Time     // when the transaction was sent
	token uint64        // not 0: granted
	left  time.Duration // of the lease that was granted

	inLine bool
	before int           // others before it in line
	expiry time.Duration // until the first lease in the way runs out
	held   *driver.HeldError
	marked bool // it was released before it arrived
	slots  int  // those that the name is in use with
	freed  bool
}

// combiner sends the operations of one kind that the goroutines of a client want at the
// same moment in one transaction: while some are under way, others gather. Most of what
// an operation costs is the round trip and the commit, not the operation.
//
// Kinds are kept apart, since a transaction locks its rows in the order of their names
// once, and must not begin anew.
type combiner struct {
	run     func(ctx context.Context, batch []*operation) error // batch is sorted, and each name is in it once
	failure func(ctx context.Context, err error) error          // what an error of run is to those who asked
	timeout time.Duration

	mu      sync.Mutex
	pending []*operation
	flights int
	closed  bool
	landed  sync.WaitGroup
}

const (
	// maxFlights is how many transactions of a kind are under way at once: one that the
	// server works on, and one that it flushes to the disk.
	maxFlights = 2
	// maxBatch bounds how long a transaction keeps its rows locked: a few ms.
	maxBatch = 128
)

// do runs one operation and returns its outcome. It returns soon after ctx has ended;
// the operation may be done all the same then.
func (b *combiner) do(ctx context.Context, req *driver.Request) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return outcome{}, err
	}
	op := &operation{req: req, done: make(chan struct{})}
	if !b.send(op) {
		return outcome{}, driver.ErrClosed
	}
	select {
	case <-op.done:
		return op.outcome, op.err
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}

// send reports whether the combiner is open.
func (b *combiner) send(op *operation) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.pending = append(b.pending, op)
	if b.flights < maxFlights {
		b.flights++
		b.landed.Go(b.fly)
	}
	return true
}

// fly sends what is pending until nothing is.
func (b *combiner) fly() {
	for batch := b.take(); len(batch) > 0; batch = b.take() {
		ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
		if err := b.run(ctx, batch); err != nil {
			b.retry(ctx, batch, err)
		}
		for _, op := range batch {
			op.err = b.failure(ctx, op.err)
			close(op.done)
		}
		cancel()
	}
}

// take returns the next batch. A second operation on a name waits for the next one.
func (b *combiner) take() []*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make(map[string]bool)
	var batch, later []*operation
	for _, op := range b.pending {
		if len(batch) == maxBatch || names[op.req.Name] {
			later = append(later, op)
			continue
		}
		names[op.req.Name] = true
		batch = append(batch, op)
	}
	b.pending = later
	if len(batch) == 0 {
		b.flights--
	}
	slices.SortFunc(batch, func(x, y *operation) int { return strings.Compare(x.req.Name, y.req.Name) })
	return batch
}

// retry runs the operations one by one after their batch has failed with err, as long as
// that says that nothing was done: so one row that somebody keeps locked does not cost
// the others their locks.
func (b *combiner) retry(ctx context.Context, batch []*operation, err error) {
	for _, op := range batch {
		op.err = err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		batch = slices.DeleteFunc(slices.Clone(batch), func(op *operation) bool { return !again(op.err) })
		if len(batch) == 0 || !pause(ctx, wait/2+rand.N(wait)) {
			break
		}
		for _, op := range batch {
			if err := b.run(ctx, []*operation{op}); ctx.Err() == nil || err == nil {
				op.err = err
			}
		}
	}
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// close refuses new operations and waits for those under way.
func (b *combiner) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.landed.Wait()
}
