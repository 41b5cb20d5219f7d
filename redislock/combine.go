package redislock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// An operation is one thing to do on one lock.
type operation struct {
	key    string // lockKey of the name
	args   []any  // for the long script, the operation's name and arguments
	packed []byte // the same for the short script

	answer []any // or nil and number
	number int64
	err    error
	done   chan struct{} // closed when the answer or err is set
}

// combiner sends the operations that the goroutines of a client want at the same
// moment in one call of the script: while a call is under way, others gather. It
// spares both ends most of what an operation costs, which is not the operation
// itself.
type combiner struct {
	rdb     redis.UniversalClient
	script  script
	cluster bool
	timeout time.Duration // of one call

	mu      sync.Mutex
	pending []*operation
	flights int
	closed  bool
	landed  sync.WaitGroup
}

const (
	// maxFlights is how many calls are under way at once: one that the server works on
	// and one whose answers are being read.
	maxFlights = 2
	// maxBatch bounds how long one call keeps the server from others: about 1 ms. It is
	// large enough for 10,000 leases to be renewed in 40 calls.
	maxBatch = 256
)

// do runs one operation and sets its answer. It returns soon after ctx has ended; the
// operation may be done all the same then, and op is not to be touched any more.
func (b *combiner) do(ctx context.Context, op *operation) error {
	op.done = make(chan struct{})
	if err := b.send(op); err != nil {
		return err
	}
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doAll runs operations and waits for all of them, or for the end of ctx, with which
// those that are not done then fail.
func (b *combiner) doAll(ctx context.Context, ops []*operation) {
	for _, op := range ops {
		op.done = make(chan struct{})
		if err := b.send(op); err != nil {
			op.err = err
			close(op.done)
		}
	}
	for i, op := range ops {
		select {
		case <-op.done:
		case <-ctx.Done():
			// op itself still belongs to the flight.
			ops[i] = &operation{key: op.key, args: op.args, err: ctx.Err()}
		}
	}
}

func (b *combiner) send(op *operation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return driver.ErrClosed
	}
	b.pending = append(b.pending, op)
	if b.flights < maxFlights {
		b.flights++
		b.landed.Add(1)
		go b.fly()
	}
	return nil
}

// fly sends what is pending until nothing is.
func (b *combiner) fly() {
	defer b.landed.Done()
	for {
		batch := b.take()
		if batch == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
		if b.cluster {
			b.pipeline(ctx, batch)
		} else {
			b.call(ctx, batch)
		}
		cancel()
		for _, op := range batch {
			close(op.done)
		}
	}
}

func (b *combiner) take() []*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), maxBatch)
	if n == 0 {
		b.flights--
		return nil
	}
	batch := b.pending[:n:n]
	b.pending = b.pending[n:]
	if len(b.pending) == 0 {
		b.pending = nil
	}
	return batch
}

// call runs batch in one call of the script.
func (b *combiner) call(ctx context.Context, batch []*operation) {
	cmd := redis.NewCmd(ctx, b.script.command(batch, false)...)
	_ = b.rdb.Process(ctx, cmd) // cmd has the error too
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = redis.NewCmd(ctx, b.script.command(batch, true)...)
		_ = b.rdb.Process(ctx, cmd)
	}
	b.read(ctx, batch, cmd)
}

// pipeline runs batch as a call each: the locks may be on different nodes.
func (b *combiner) pipeline(ctx context.Context, batch []*operation) {
	cmds := b.pipelined(ctx, batch, false)
	var again []*operation
	for i, op := range batch {
		if redis.HasErrorPrefix(cmds[i].Err(), "NOSCRIPT") {
			again = append(again, op)
			continue
		}
		b.read(ctx, batch[i:i+1], cmds[i])
	}
	if len(again) == 0 {
		return
	}
	for i, cmd := range b.pipelined(ctx, again, true) {
		b.read(ctx, again[i:i+1], cmd)
	}
}

func (b *combiner) pipelined(ctx context.Context, batch []*operation, whole bool) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(batch))
	_, _ = b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
		for i := range batch {
			cmds[i] = p.Do(ctx, b.script.command(batch[i:i+1], whole)...)
		}
		return nil
	})
	return cmds
}

// read gives the operations of batch their answers, or the error of their call.
func (b *combiner) read(ctx context.Context, batch []*operation, cmd *redis.Cmd) {
	answers, err := cmd.Slice()
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("%d answers to %d operations", len(answers), len(batch))
	}
	for i, op := range batch {
		if err != nil {
			op.err = b.failure(ctx, err)
			continue
		}
		op.read(answers[i])
	}
}

// failure is why a call has failed. The end of its own time must not look like the end
// of the context of somebody who asked.
func (b *combiner) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer within %v: %w", b.timeout, driver.ErrUnavailable)
	}
	return unavailable(err)
}

// read takes the answer that the script gave to the operation.
func (op *operation) read(answer any) {
	if number, ok := answer.(int64); ok {
		op.number = number
		return
	}
	list, ok := answer.([]any)
	if !ok || len(list) == 0 {
		op.err = fmt.Errorf("unexpected answer %v: %w", answer, driver.ErrUnavailable)
		return
	}
	if list[0] == "error" {
		op.err = unavailable(errors.New(fmt.Sprint(list[1])))
		return
	}
	op.answer = list
}

// close refuses new operations and waits for those under way.
func (b *combiner) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.landed.Wait()
}

// unavailable marks a failure of Redis or of the way to it.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
}
