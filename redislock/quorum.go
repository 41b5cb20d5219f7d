package redislock

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

const (
	// DefaultMaxTTL is the default of Options.MaxTTL.
	DefaultMaxTTL = time.Minute
	// quorumMinTTL has to hold two round trips to the slowest node that counts.
	quorumMinTTL = 100 * time.Millisecond
	// quorumPrecision is the longest time between two looks of one who waits: see
	// driver.Poll.
	quorumPrecision = 300 * time.Millisecond
)

// NewQuorum returns a driver that keeps each lock on a majority of nodes, which are
// independent Redis servers without replication: three or five, or another odd number.
// A lock is held as long as a majority of them says so, and any minority may be down.
// It is the algorithm that the Redis manual calls Redlock, with fencing tokens, and with
// nodes that are taken again after they were away.
//
// There are exclusive locks only, and no line: those who wait look again from time to
// time, and any of them may be next.
//
// A node that was started less than opts.MaxTTL ago does not count, since it may have
// forgotten locks that are still held. So when a majority has just been started, calls
// fail with driver.ErrUnavailable for so long.
//
// The clients stay the caller's: Close does not close them. They should have
// ContextTimeoutEnabled, or a call to a node that hangs takes as long as their
// ReadTimeout instead of opts.Timeout; nobody waits for it while the others are a
// majority.
//
// Errors: driver.ErrInvalidOption. Nothing is sent.
func NewQuorum(nodes []redis.UniversalClient, opts *Options) (driver.Driver, error) {
	o, err := quorumOptions(opts)
	if err != nil {
		return nil, err
	}
	if err := checkNodes(nodes); err != nil {
		return nil, err
	}
	c := &quorum{prefix: o.Prefix, maxTTL: o.MaxTTL, majority: len(nodes)/2 + 1}
	c.life, c.die = context.WithCancel(context.Background())
	grace := o.MaxTTL
	if o.Durable {
		grace = 0
	}
	for _, rdb := range nodes {
		c.nodes = append(c.nodes, &node{rdb: rdb, grace: grace, timeout: o.Timeout})
	}
	return c, nil
}

func quorumOptions(opts *Options) (Options, error) {
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
	if o.MaxTTL == 0 {
		o.MaxTTL = DefaultMaxTTL
	}
	if o.Timeout < 0 {
		return o, fmt.Errorf("redislock: Timeout %v: want more than 0: %w", o.Timeout, driver.ErrInvalidOption)
	}
	if o.Replicas != 0 {
		return o, fmt.Errorf("redislock: Replicas %d: the nodes of a quorum have none: %w", o.Replicas, driver.ErrInvalidOption)
	}
	if o.MaxTTL < quorumMinTTL {
		return o, fmt.Errorf("redislock: MaxTTL %v: want at least %v: %w", o.MaxTTL, quorumMinTTL, driver.ErrInvalidOption)
	}
	return o, nil
}

func checkNodes(nodes []redis.UniversalClient) error {
	if len(nodes) < 3 || len(nodes)%2 == 0 {
		return fmt.Errorf("redislock: a quorum of %d nodes: want an odd number from 3, since one more node "+
			"makes a majority larger and not safer: %w", len(nodes), driver.ErrInvalidOption)
	}
	for i, rdb := range nodes {
		if rdb == nil || slices.Index(nodes, rdb) < i {
			return fmt.Errorf("redislock: node %d of the quorum is nil or the same client as another: %w", i+1, driver.ErrInvalidOption)
		}
		switch rdb.(type) {
		case *redis.ClusterClient, *redis.Ring:
			return fmt.Errorf("redislock: node %d of the quorum is a %T: want single servers: %w", i+1, rdb, driver.ErrInvalidOption)
		}
	}
	return nil
}

// quorum is one client's access to the nodes.
type quorum struct {
	prefix   string
	maxTTL   time.Duration
	nodes    []*node
	majority int
	attempts atomic.Int64

	life context.Context // ends with Close
	die  context.CancelFunc

	mu     sync.Mutex
	closed bool
	behind sync.WaitGroup // what goes on after a call has returned
}

func (c *quorum) Traits() driver.Traits {
	return driver.Traits{
		Backend:   "redis-quorum",
		Scope:     driver.Network,
		MinTTL:    quorumMinTTL,
		MaxTTL:    c.maxTTL,
		Precision: quorumPrecision,
	}
}

// Close gives what was asked of the nodes already the time to be sent, to those that
// answer.
func (c *quorum) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.die()
	c.behind.Wait()
	var closing sync.WaitGroup
	for _, n := range c.nodes {
		closing.Go(n.close)
	}
	closing.Wait()
	return nil
}

// after runs do in the background, unless the driver is closed. do must end with
// c.life.
func (c *quorum) after(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.behind.Go(do)
	}
}
