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
func (c *conn) doReplicated(ctx context.Context, op *operation) error {
	node := c.rdb
	if c.cluster != nil {
		master, err := c.cluster.MasterForKey(ctx, op.key)
		if err != nil {
			return unavailable(err)
		}
		node = master
	}
	ctx, cancel := context.WithTimeout(ctx, c.long.timeout)
	defer cancel()
	run, wait := c.runAndWait(ctx, node, op, false)
	if redis.HasErrorPrefix(run.Err(), "NOSCRIPT") {
		run, wait = c.runAndWait(ctx, node, op, true)
	}
	if c.long.read(ctx, []*operation{op}, run); op.err != nil || op.answer[0] != "granted" {
		return op.err
	}
	if n, err := wait.Int(); err != nil {
		return unavailable(err)
	} else if n < c.replication.replicas {
		return fmt.Errorf("%d of %d replicas have it after %v: %w", n, c.replication.replicas, c.replication.timeout, driver.ErrUnavailable)
	}
	return nil
}

// runAndWait sends the script, or all of its text, and WAIT.
func (c *conn) runAndWait(ctx context.Context, node redis.UniversalClient, op *operation, whole bool) (run, wait *redis.Cmd) {
	_, _ = node.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
		run = p.Do(ctx, c.long.script.command([]*operation{op}, whole)...)
		wait = p.Do(ctx, "WAIT", c.replication.replicas, c.replication.timeout.Milliseconds())
		return nil
	})
	return run, wait
}
