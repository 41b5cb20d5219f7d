// Package mysqllock keeps pawl's locks in MySQL 8 or later, or in MariaDB 10.6 or later.
//
//	driver, err := mysqllock.New(ctx, "app:secret@tcp(127.0.0.1:3306)/shop", nil)
//	client, err := pawl.New(driver, nil)
//
// A lock is a row in a table that the driver makes. An uncontended lock is one round
// trip and its release another; what the goroutines of a client want at the same moment
// goes together. No row lock is ever held between two round trips: a client that is
// stopped in the middle of something keeps nobody from anything.
//
// Those who wait stand in a line. A release makes the next in line the holder, for the
// claim window, and wakes it: see docs/decisions/0011-mysql.md.
//
// LockTx is another kind of lock: it lives in a transaction of the caller's own, until
// that ends.
package mysqllock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	DefaultTable    = "pawl_lock"
	DefaultPoolSize = 8
	DefaultTimeout  = 3 * time.Second
)

const (
	// claimWindow bounds what a waiter that was stopped costs the line. It has to hold
	// two looks and a commit.
	claimWindow = 400 * time.Millisecond
	// placeTTL is how long a place in line outlives a process that has died. It matters
	// to listings only: such a place costs the line one claim window.
	placeTTL = 20 * time.Second
)

// Options are the settings of a driver. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// Table is the name of the lock table, in the database that the DSN names, without
	// a database before it. The default is DefaultTable. The table of the lines has the
	// same name with "_line" at its end.
	Table string
	// PoolSize is how many connections the driver has at most, besides the two by which
	// a client that waits is woken. The default is DefaultPoolSize.
	PoolSize int
	// Timeout bounds each call of the server; what is not answered by then is
	// driver.ErrUnavailable. The default is DefaultTimeout.
	Timeout time.Duration
	// NoCreate says that the tables are there, made with DDL by somebody who may; New
	// then neither makes nor changes any.
	NoCreate bool
}

// New returns a driver on a pool of its own, and makes the tables where they are missing.
// dsn is one of github.com/go-sql-driver/mysql and names a database. What the driver
// needs, such as the time zone and the isolation level of its sessions, it sets itself,
// whatever dsn says. ctx bounds the opening only.
//
// Errors, of one line each: driver.ErrInvalidOption for what has to be changed in dsn, in
// the options or on the server, such as a wrong password, a table of another shape, or a
// server that is read-only; driver.ErrUnavailable when the server does not answer;
// ctx.Err().
func New(ctx context.Context, dsn string, opts *Options) (driver.Driver, error) {
	config, err := parseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("mysqllock: %w", err)
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("mysqllock: %w", err)
	}
	db, err := openDatabase(config, o)
	if err != nil {
		return nil, fmt.Errorf("mysqllock: %w", err)
	}
	if err := db.prepare(ctx, !o.NoCreate); err != nil {
		return nil, fmt.Errorf("mysqllock: %w", errors.Join(err, db.close()))
	}
	return newConn(db), nil
}

func (opts *Options) withDefaults() (Options, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.PoolSize == 0 {
		o.PoolSize = DefaultPoolSize
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	switch {
	case o.PoolSize < 1:
		return o, invalid("PoolSize %d: want 1 or more", o.PoolSize)
	case o.Timeout < 0:
		return o, invalid("Timeout %v: want more than 0", o.Timeout)
	}
	return o, checkTable(o.Table)
}

// conn is one client's access to the tables.
type conn struct {
	db     *database
	client string // marks the waiters that are this client's
	watch  *watcher
	bell   *bell

	acquires *combiner[*acquisition]
	releases *combiner[*giving]
	settling settling
	busy     hints // names that had leases or waiters in the table of the lines
	crowds   hints // names on which another client has got in the way

	life context.Context // of what goes on in the background
	end  context.CancelFunc

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

func newConn(db *database) *conn {
	c := &conn{db: db, client: rand.Text()}
	c.life, c.end = context.WithCancel(context.Background())
	c.acquires = &combiner[*acquisition]{conn: c, run: c.acquireBatch}
	c.releases = &combiner[*giving]{conn: c, run: c.releaseBatch}
	c.bell = &bell{conn: c}
	c.watch = newWatcher(c)
	c.background(c.janitor)
	return c
}

func (c *conn) Traits() driver.Traits {
	return driver.Traits{
		Backend:     c.db.flavour(),
		Scope:       driver.Network,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       true,
		Durable:     true,
		MinTTL:      200 * time.Millisecond,
		Precision:   200 * time.Millisecond,
		ClaimWindow: claimWindow,
	}
}

// Close waits for what is under way, which the server's answers or the timeout end.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.work.Wait()
	return c.db.close()
}

// check returns why the driver cannot be used.
func (c *conn) check(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return driver.ErrClosed
	}
	return ctx.Err()
}

// background runs do, unless the driver is closed; Close waits for it.
func (c *conn) background(do func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Go(do)
	return true
}

// call runs do and returns soon after ctx has ended. do then goes on, bounded by the
// timeout: the end of a context would close a connection in the middle of a statement,
// which the server would go on with all the same. do must not write to anything that its
// caller reads after an error.
func (c *conn) call(ctx context.Context, do func(ctx context.Context) error) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	if !c.background(func() { done <- c.db.try(context.WithoutCancel(ctx), do) }) {
		return driver.ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// invalid is the error for something that the caller has to change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}
