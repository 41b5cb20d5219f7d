package mysqllock

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-go/pawl/driver"
)

// named is something to do on one name.
type named interface {
	lockName() string
	givenUp() bool // finishes it when nobody wants it any more
	finish(err error)
}

// combiner does what the goroutines of a client want at the same moment in one statement:
// while some are under way, others gather. It spares the server a commit for each, which
// is most of what they cost.
type combiner[T named] struct {
	conn *conn
	// run does a batch, sorted by name so that two batches do not deadlock, and finishes
	// what it has settled.
	run func(ctx context.Context, batch []T) error

	mu      sync.Mutex
	pending []T
	flights int
}

const (
	// maxFlights is how many batches are under way at once: one that is being committed
	// and one that is being worked on.
	maxFlights = 2
	// maxBatch bounds how long a batch keeps its rows from others: some milliseconds. It
	// is large enough for 10,000 leases to be renewed in 40 statements.
	maxBatch = 256
)

// errOneByOne: a row of the batch is locked by somebody else.
var errOneByOne = errors.New("one by one")

// add has op done soon; it is finished when it is.
func (b *combiner[T]) add(op T) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(b.pending, op)
	if b.flights == maxFlights {
		return nil
	}
	b.flights++
	if !b.conn.background(b.fly) {
		b.flights--
		b.pending = nil
		return driver.ErrClosed
	}
	return nil
}

// fly does what is pending until nothing is.
func (b *combiner[T]) fly() {
	for batch := b.take(); batch != nil; batch = b.take() {
		slices.SortStableFunc(batch, func(x, y T) int { return strings.Compare(x.lockName(), y.lockName()) })
		// The release that follows must not be overtaken.
		if batch = slices.DeleteFunc(batch, T.givenUp); len(batch) > 0 {
			b.do(batch)
		}
	}
}

func (b *combiner[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), maxBatch)
	if n == 0 {
		b.flights--
		return nil
	}
	batch := b.pending[:n:n]
	b.pending = b.pending[n:]
	return batch
}

// do does a batch. When somebody else keeps one of its rows locked, it does them one by
// one, so that the others do not wait.
func (b *combiner[T]) do(batch []T) {
	err := b.conn.db.try(context.Background(), func(ctx context.Context) error {
		err := b.run(ctx, batch)
		if number(err) == errLockWait && len(batch) > 1 {
			return errOneByOne
		}
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, errOneByOne):
		for _, op := range batch {
			b.do([]T{op})
		}
	default:
		for _, op := range batch {
			op.finish(err)
		}
	}
}
