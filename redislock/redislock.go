// Package redislock keeps pawl's locks in Redis: standalone, with Sentinel, or in a
// Cluster.
//
//	rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:6379"}})
//	driver, err := redislock.New(rdb, nil)
//	client, err := pawl.New(driver, nil)
package redislock

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	DefaultPrefix  = "pawl:"
	DefaultTimeout = 3 * time.Second
)

const (
	// claimWindow bounds what a waiter that was stopped costs the line. It has to hold a
	// round trip.
	claimWindow = 300 * time.Millisecond
	// placeTTL is how long a place in line outlives a process that has died. It matters
	// to listings only: such a place costs the line one claim window.
	placeTTL = 20 * time.Second
)

// Options are the settings of a driver. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// Prefix begins every key. The default is DefaultPrefix.
	Prefix string
	// Timeout bounds each call of the server; what is not answered by then is
	// driver.ErrUnavailable. The default is DefaultTimeout.
	Timeout time.Duration
	// Replicas is how many replicas must have a lease before it is granted, by WAIT. It
	// makes a failover that loses locks less likely and not impossible: only one replica
	// of several becomes the master. 0 waits for none. It cannot be more than there are.
	Replicas int

	// MaxTTL, for NewQuorum only, is the longest TTL of any lock that any client keeps on
	// these nodes; longer ones are refused. It must be the same in all clients, since a
	// node does not count for so long after its start. The default is DefaultMaxTTL.
	MaxTTL time.Duration
	// Durable, for NewQuorum only, says that the nodes forget nothing when they are
	// restarted, so that they count at once: appendonly yes and appendfsync always on
	// every one of them. A wrong answer here lets two in after a restart.
	Durable bool
}

// New returns a driver that uses rdb, which stays the caller's: Close does not close
// it.
func New(rdb redis.UniversalClient, opts *Options) (driver.Driver, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("redislock: Timeout %v: want more than 0: %w", o.Timeout, driver.ErrInvalidOption)
	}
	if o.Replicas < 0 {
		return nil, fmt.Errorf("redislock: Replicas %d: want 0 or more: %w", o.Replicas, driver.ErrInvalidOption)
	}
	c := &conn{rdb: rdb, prefix: o.Prefix, id: rand.Text(), replication: replication{o.Replicas, o.Timeout / 2}}
	c.cluster, _ = rdb.(*redis.ClusterClient)
	publish := "PUBLISH"
	if c.cluster != nil {
		publish = "SPUBLISH"
	}
	long := longScript([]any{publish, claimWindow.Microseconds(), placeTTL.Microseconds()})
	c.long = combiner{rdb: rdb, script: long, cluster: c.cluster != nil, timeout: o.Timeout}
	c.short = combiner{rdb: rdb, script: shortScript, cluster: c.cluster != nil, timeout: o.Timeout}
	c.notices.start(c)
	c.settlers.start(c)
	return c, nil
}

// conn is one client's access to Redis.
type conn struct {
	rdb         redis.UniversalClient
	prefix      string
	id          string               // names the channel on which this client is told
	cluster     *redis.ClusterClient // nil elsewhere
	long, short combiner             // of the long script and of the short one
	notices     notices
	settlers    settlers

	replication replication
}

func (c *conn) Traits() driver.Traits {
	return driver.Traits{
		Backend:     "redis",
		Scope:       driver.Network,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       true,
		Durable:     true, // by the clock: the data may be gone
		MinTTL:      50 * time.Millisecond,
		Precision:   50 * time.Millisecond,
		ClaimWindow: claimWindow,
	}
}

func (c *conn) Close() error {
	c.settlers.close()
	c.notices.close()
	c.short.close()
	c.long.close()
	return nil
}

func (c *conn) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	ops := make([]*operation, len(leases))
	for i := range leases {
		ops[i] = &operation{key: c.lockKey(leases[i].Name), args: []any{"renew", leases[i].Holder, leases[i].TTL.Microseconds()}}
	}
	sent := time.Now()
	c.long.doAll(ctx, ops)
	renewals := make([]driver.Renewal, len(leases))
	for i, op := range ops {
		switch {
		case op.err != nil:
			renewals[i].Err = op.err
		case op.number == 1:
			renewals[i].Until = driver.Trust(sent, leases[i].TTL)
		default:
			renewals[i].Err = fmt.Errorf("%v: %w", op.answer[1], driver.ErrLost)
		}
	}
	return renewals
}

// Release tries the short script first for a lease that was granted at once: somebody
// who had to wait for it is likely to have others behind him.
func (c *conn) Release(ctx context.Context, req driver.Request) error {
	if c.isShort(&req) {
		op := &operation{key: c.lockKey(req.Name), packed: pack(false, req.TTL.Microseconds(), req.Holder, "")}
		if err := c.short.do(ctx, op); err != nil || op.number < 0 {
			return err
		}
	}
	op := &operation{key: c.lockKey(req.Name), args: []any{"release", req.Holder, req.TTL.Microseconds()}}
	err := c.long.do(ctx, op)
	if err == nil && op.number == 1 {
		c.settlers.soon(req.Name)
	}
	return err
}

func (c *conn) Break(ctx context.Context, name string) error { return c.breakWith(ctx, name, "0") }

func (c *conn) Force(ctx context.Context, name string) error { return c.breakWith(ctx, name, "1") }

func (c *conn) breakWith(ctx context.Context, name, force string) error {
	op := &operation{key: c.lockKey(name), args: []any{"break_", force}}
	err := c.long.do(ctx, op)
	if err == nil && op.number == 0 {
		return driver.ErrNotHeld
	}
	return err
}

// number reads an integer that the script has written as text or as a number.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}

func micros(v any) time.Duration { return time.Duration(number(v)) * time.Microsecond }
