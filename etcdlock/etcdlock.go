// Package etcdlock keeps pawl's locks in etcd, in keys that etcd's own concurrency
// package and `etcdctl lock` write and wait for too.
//
//	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:2379"}})
//	driver, err := etcdlock.New(etcd, nil)
//	client, err := pawl.New(driver, nil)
package etcdlock

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

// DefaultTimeout is the default of Options.Timeout.
const DefaultTimeout = 3 * time.Second

const (
	// minTTL is the shortest etcd lease that a server with etcd's default election
	// timeout of 1 s grants: it raises what is under one and a half of that, in whole
	// seconds.
	minTTL = 2 * time.Second
	// maxTTL leaves room below etcd's own bound of 9e9 seconds.
	maxTTL = 100 * 365 * 24 * time.Hour
	// precision is what may go by after a TTL: it is rounded up to whole seconds, and the
	// leader looks for leases that have run out every 500 ms. The rest is for the
	// deletion itself.
	precision = 1600 * time.Millisecond
	// placeTTL is the etcd lease of those who wait, whatever TTL they ask for, so that
	// one who has died does not hold up the line for longer.
	placeTTL = 3 * time.Second
)

// Options are the settings of a driver. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// Prefix begins every key, as it is. The default is none, so that `etcdctl lock NAME`
	// and a lock of that name are one. It must be the same for all who share locks.
	Prefix string
	// Raw takes names into keys as they are. By default slashes in them are escaped,
	// because in etcd a lock on "a" waits for one on "a/b". Set it to share locks whose
	// names have slashes with programs that are not pawl.
	Raw bool
	// Timeout bounds each call, tries on several servers included; what is not answered
	// by then is driver.ErrUnavailable. The default is DefaultTimeout. Where many of this
	// client want one name, the wait until it is their turn to ask does not count.
	Timeout time.Duration
}

// New returns a driver that uses etcd, which stays the caller's: Close does not close
// it. It does not contact the servers. The client may serve other purposes too. Its connection
// is used, and not its KV and Watcher: what package namespace of etcd puts before those has
// no effect here, see Options.Prefix.
func New(etcd *clientv3.Client, opts *Options) (driver.Driver, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	switch {
	case etcd == nil:
		return nil, invalid("etcdlock: no client: want one of clientv3.New")
	case o.Timeout < 0:
		return nil, invalid("etcdlock: Timeout %v: want more than 0", o.Timeout)
	case o.Timeout == 0:
		o.Timeout = DefaultTimeout
	}
	c := &conn{
		etcd:     etcd,
		kv:       pb.NewKVClient(etcd.ActiveConnection()),
		watcher:  clientv3.NewWatcher(etcd),
		keys:     keys{prefix: o.Prefix, raw: o.Raw},
		timeout:  o.Timeout,
		granting: make(chan struct{}, 1),
		sessions: make(map[int64]*session),
		marks:    make(map[int64]markLease),
		places:   make(map[string]*place),
	}
	c.combiner = combiner{c: c, names: make(map[string]bool), singles: make(chan struct{}, maxSingles)}
	c.crowds.names = make(map[string]bool)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// conn is one client's access to etcd.
type conn struct {
	etcd    *clientv3.Client
	kv      pb.KVClient
	watcher clientv3.Watcher
	keys    keys
	timeout time.Duration

	ctx        context.Context // ends with Close
	cancel     context.CancelFunc
	background sync.WaitGroup
	combiner   combiner
	crowds     crowds
	granting   chan struct{} // holds one while an etcd lease is being granted
	events     atomic.Int64  // that watches have brought, for tests
	keptAlive  atomic.Int64  // keep-alives sent, for tests

	mu       sync.Mutex // guards the rest, and the fields of sessions and places
	closed   bool
	base     uint64              // of tokens; 0 while it is not known
	sessions map[int64]*session  // by seconds of TTL
	marks    map[int64]markLease // by seconds of TTL
	places   map[string]*place   // by holder id
}

// Traits returns the same for every server. One that was given a longer election
// timeout than etcd's default of 1 s refuses the shortest TTLs; Acquire says so.
func (c *conn) Traits() driver.Traits {
	return driver.Traits{
		Backend:     "etcd",
		Scope:       driver.Network,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       true,
		Durable:     true,
		MinTTL:      minTTL,
		MaxTTL:      maxTTL,
		Precision:   precision,
		ClaimWindow: placeTTL,
		CheckName:   c.keys.check,
	}
}

// Close ends the keep-alives. What is held runs out by itself; an etcd lease with nothing
// held on it is revoked, which takes a round trip.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	var unused []*session
	held := make(map[*session]bool)
	for _, p := range c.places {
		p.stopTimer()
		held[p.on] = held[p.on] || p.rev != 0 && p.held
	}
	for _, s := range c.sessions {
		s.stopTimer()
		if !held[s] && !s.ended {
			unused = append(unused, s)
		}
	}
	c.mu.Unlock()
	c.combiner.close()
	c.cancel()
	c.background.Wait()
	_ = c.watcher.Close() // its streams have just been cancelled
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout/3)
	defer cancel()
	for _, s := range unused {
		_, _ = c.etcd.Revoke(ctx, s.id) // or it runs out
	}
	return nil
}

// run runs do in the background, unless the driver is closed. mu is held.
func (c *conn) run(do func()) {
	if !c.closed {
		c.background.Go(do)
	}
}

// invalid is the error for something that the caller has to change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}
