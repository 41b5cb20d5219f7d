// Package zklock keeps pawl's locks in ZooKeeper, in the nodes of Apache Curator's
// recipes, so that programs in Java, Python and Go share them.
//
//	driver, err := zklock.New(ctx, []string{"zk1:2181", "zk2:2181", "zk3:2181"}, nil)
//	client, err := pawl.New(driver, nil)
package zklock

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	DefaultSession = 15 * time.Second
	DefaultTick    = 2 * time.Second
	DefaultTimeout = 3 * time.Second
)

// Recipe is whose nodes stand for locks. Curator's two recipes do not see each other on
// one path, so that all who use a name have to use the same one; a name in use with
// the other is driver.ErrInvalidOption.
type Recipe string

const (
	// Mutex is InterProcessMutex. It is the default, and knows no shared locks.
	Mutex Recipe = "mutex"
	// ReadWrite is InterProcessReadWriteLock.
	ReadWrite Recipe = "readwrite"
)

// Options are the settings of a driver. The zero value of a field, and a nil *Options,
// mean the default.
type Options struct {
	// Chroot is the node under which every lock has its own; it must exist. The default
	// is the root.
	Chroot string
	// Recipe is whose nodes stand for locks. The default is Mutex.
	Recipe Recipe
	// Session is the session timeout to ask for; the servers may grant another one. The
	// TTL of every lock follows from what they grant: that, less Tick, less 2 %. The
	// default is DefaultSession.
	Session time.Duration
	// Tick is the tickTime of the servers, or more: by so much a session may end sooner
	// after the last answer than its timeout says. ZooKeeper's default and this one are
	// DefaultTick. With less than the servers have, two may hold after a partition.
	Tick time.Duration
	// Timeout bounds what is not waiting in line: connecting, and each operation. What
	// is not answered by then is driver.ErrUnavailable. The default is DefaultTimeout.
	Timeout time.Duration
	// User and Password are those of the digest scheme; an empty User is none.
	User, Password string
	// ACL is that of every node that is created. The default gives everybody every
	// right, as Curator's does, and only the user every right where there is one.
	ACL []zk.ACL
	// TLS, when not nil, is used for every connection.
	TLS *tls.Config
}

// New connects to servers, each HOST or HOST:PORT, and returns a driver with a session of
// its own: a session is what locks hang on, so that it is not shared. ctx bounds the
// connecting only. Nothing is written before the first lock is asked for.
//
// Errors: driver.ErrInvalidOption for what has to be changed in opts or on the
// servers, such as a Chroot that does not exist; driver.ErrUnavailable when no
// server answers; ctx.Err().
func New(ctx context.Context, servers []string, opts *Options) (driver.Driver, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &ensemble{opts: o, servers: zk.FormatServers(servers), entries: make(map[string]*entry),
		marks: make(map[string]*time.Timer), seen: make(map[string]time.Time)}
	d.base, d.cancel = context.WithCancel(context.Background())
	s, err := d.session(ctx)
	if err == nil {
		err = d.checkRoot(ctx, s)
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (o *Options) withDefaults() (Options, error) {
	opts := Options{}
	if o != nil {
		opts = *o
	}
	opts.Chroot = strings.TrimRight(opts.Chroot, "/")
	if opts.Chroot != "" && opts.Chroot[0] != '/' {
		return opts, invalid("Chroot %q: want a path that begins with a slash", opts.Chroot)
	}
	switch opts.Recipe {
	case "":
		opts.Recipe = Mutex
	case Mutex, ReadWrite:
	default:
		return opts, invalid("Recipe %q: want %s or %s", opts.Recipe, Mutex, ReadWrite)
	}
	for _, d := range []struct {
		what  string
		value *time.Duration
		init  time.Duration
	}{{"Session", &opts.Session, DefaultSession}, {"Tick", &opts.Tick, DefaultTick}, {"Timeout", &opts.Timeout, DefaultTimeout}} {
		if *d.value == 0 {
			*d.value = d.init
		}
		if *d.value < 0 {
			return opts, invalid("%s %v: want more than 0", d.what, *d.value)
		}
	}
	if len(opts.ACL) == 0 {
		opts.ACL = zk.WorldACL(zk.PermAll)
		if opts.User != "" {
			opts.ACL = zk.AuthACL(zk.PermAll)
		}
	}
	return opts, nil
}

// ensemble is one client's access to the servers.
type ensemble struct {
	opts    Options
	servers []string
	base    context.Context // ends at Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // goroutines that Close waits for

	mu      sync.Mutex
	closed  bool
	timeout time.Duration // of the first session; later ones must not be shorter
	current *session      // the latest one; it may be over
	opening *opening      // not nil while a session is being opened
	entries map[string]*entry
	marks   map[string]*time.Timer // of holder ids that others made; see place.go
	used    time.Time              // when a lock was last asked for or given back
	seen    map[string]time.Time   // names that others used, and when; see peek.go
}

// ttl is the TTL of every lease: the timeout of its session, less a tick by which the
// leader may count from an earlier contact than the one that proved the lease, less 2 %
// for clocks that run at different rates.
func (d *ensemble) ttl() time.Duration {
	return (d.timeout - d.opts.Tick - d.timeout/50).Truncate(10 * time.Millisecond)
}

func (d *ensemble) Traits() driver.Traits {
	ttl := d.ttl()
	return driver.Traits{
		Backend:  "zookeeper",
		Scope:    driver.Network,
		FIFO:     true,
		Shared:   d.opts.Recipe == ReadWrite,
		Slots:    true,
		Wakes:    true,
		Durable:  true,
		FixedTTL: ttl,
		// A dead process's session ends with its timeout, which the leader rounds up to a
		// tick, and counts from a heartbeat half a tick later.
		Precision:   d.timeout - ttl + d.opts.Tick*3/2,
		ClaimWindow: ttl, // whoever stands in line does so until its session ends
	}
}

// begin counts a goroutine that Close waits for, or returns false after Close.
func (d *ensemble) begin(do func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.work.Go(do)
	return true
}

// dir returns the node of name.
func (d *ensemble) dir(name string) string { return d.opts.Chroot + "/" + escape(name) }

// internal is the folder of what is ours alone: one node for each session, whose
// changes tell the time of its last renewal. escape never makes this name.
func (d *ensemble) internal() string { return d.opts.Chroot + "/.pawl" }

// Close ends the session when nothing hangs on it. Leases that are still held keep it:
// it is left alone then, and the servers end it when they have not heard of it for its
// timeout.
func (d *ensemble) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	held := false
	for _, e := range d.entries {
		held = held || e.state == granted
		e.stop()
	}
	for _, timer := range d.marks {
		timer.Stop()
	}
	s := d.current
	d.mu.Unlock()
	d.cancel() // who waits leaves the line before the session is gone
	d.settle(s, time.Second)
	if s != nil {
		if held {
			s.wire.muted.Store(true)
		}
		s.end()
	}
	d.work.Wait()
	return nil
}

// settle waits until those who waited have left their lines, but not longer than most.
func (d *ensemble) settle(s *session, most time.Duration) {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	d.mu.Lock()
	var leaving []*entry
	for _, e := range d.entries {
		if e.state == working {
			leaving = append(leaving, e)
		}
	}
	d.mu.Unlock()
	if s == nil || !s.isConnected() {
		return
	}
	for _, e := range leaving {
		select {
		case <-e.done:
		case <-deadline.C:
			return
		}
	}
}

// invalid is the error for something that the caller has to change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}
