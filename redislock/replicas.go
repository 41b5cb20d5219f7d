package redislock

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// replication makes a grant wait until replicas have it (Options.Replicas).
type replication struct {
	replicas int
	timeout  time.Duration
}

// doReplicated runs one operation in a call of its own and has the server say, on the
// same connection, how many replicas have got what it has written. Too few are
// ErrUnavailable: the outcome is open then, and whoever asked releases the lease, once.
func (c *conn) doReplicated(ctx context.Context, op *operation) ([]any, error) {
	node := c.rdb
	if c.cluster != nil {
		master, err := c.cluster.MasterForKey(ctx, op.key)
		if err != nil {
			return nil, unavailable(err)
		}
		node = master
	}
	ctx, cancel := context.WithTimeout(ctx, c.combiner.timeout)
	defer cancel()
	run, wait := c.runAndWait(ctx, node, op, false)
	if redis.HasErrorPrefix(run.Err(), "NOSCRIPT") {
		run, wait = c.runAndWait(ctx, node, op, true)
	}
	answers, err := run.Slice()
	if err != nil {
		return nil, unavailable(err)
	}
	if op.read(answers[0]); op.err != nil || op.answer[0] != "granted" {
		return op.answer, op.err
	}
	if n, err := wait.Int(); err != nil {
		return nil, unavailable(err)
	} else if n < c.replication.replicas {
		return nil, fmt.Errorf("%d of %d replicas have it after %v: %w", n, c.replication.replicas, c.replication.timeout, driver.ErrUnavailable)
	}
	return op.answer, nil
}

// runAndWait sends the script, or all of its text, and WAIT.
func (c *conn) runAndWait(ctx context.Context, node redis.UniversalClient, op *operation, whole bool) (run, wait *redis.Cmd) {
	keys, args := op.append(nil, append([]any(nil), c.combiner.fixed...))
	_, _ = node.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
		if whole {
			run = script.Eval(ctx, p, keys, args...)
		} else {
			run = script.EvalSha(ctx, p, keys, args...)
		}
		wait = p.Do(ctx, "WAIT", c.replication.replicas, c.replication.timeout.Milliseconds())
		return nil
	})
	return run, wait
}
