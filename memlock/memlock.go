// Package memlock keeps pawl's locks in the memory of one process. It is the
// reference for what a driver does, the backend for tests, and all that is needed
// where one process is all there is.
//
//	client, err := pawl.New(memlock.New(), nil)
//
// Clients that share a Store share its locks:
//
//	store := memlock.NewStore()
//	a, err := pawl.New(store.Driver(), nil)
//	b, err := pawl.New(store.Driver(), nil)
package memlock

import (
	"context"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// claimWindow is how long a waiter that was granted has to take the lease. Only a
// goroutine that is kept from running for so long loses its turn.
const claimWindow = 250 * time.Millisecond

// Store is the memory that several drivers share. Its methods may be called by
// many goroutines.
type Store struct {
	mu    sync.Mutex
	names map[string]*entry
	token uint64
	marks marks
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		names: make(map[string]*entry),
		token: uint64(time.Now().UnixMicro()),
	}
}

// Driver returns one client's access to the store.
func (s *Store) Driver() driver.Driver {
	return &conn{store: s, closed: make(chan struct{})}
}

// New returns a driver with a store of its own.
func New() driver.Driver { return NewStore().Driver() }

// conn is one client's access to a Store.
type conn struct {
	store  *Store
	once   sync.Once
	closed chan struct{}
}

func (c *conn) Traits() driver.Traits {
	return driver.Traits{
		Backend:     "memory",
		Scope:       driver.Process,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       true,
		MinTTL:      10 * time.Millisecond,
		Precision:   10 * time.Millisecond,
		ClaimWindow: claimWindow,
	}
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// check returns why the driver cannot be used.
func (c *conn) check(ctx context.Context) error {
	select {
	case <-c.closed:
		return driver.ErrClosed
	default:
		return ctx.Err()
	}
}

func (c *conn) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if err := c.check(ctx); err != nil {
		return driver.Lease{}, err
	}
	for {
		lease, w, err := c.store.acquire(req)
		if w == nil {
			return lease, err
		}
		select {
		case <-w.granted:
		case <-ctx.Done():
			return driver.Lease{}, ctx.Err()
		case <-c.closed:
			return driver.Lease{}, driver.ErrClosed
		}
		// Asking once more claims what was granted, or stands in line again when the
		// claim window has passed.
	}
}

func (c *conn) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	err := c.check(ctx)
	for i := range leases {
		if err != nil {
			renewals[i].Err = err
			continue
		}
		renewals[i] = c.store.renew(&leases[i].Request)
	}
	return renewals
}

func (c *conn) Release(ctx context.Context, req driver.Request) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	c.store.release(&req)
	return nil
}

func (c *conn) Inspect(ctx context.Context, name string) (driver.State, error) {
	if err := c.check(ctx); err != nil {
		return driver.State{}, err
	}
	return c.store.inspect(name), nil
}

func (c *conn) List(ctx context.Context, prefix string) ([]driver.State, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	return c.store.list(prefix), nil
}

func (c *conn) Break(ctx context.Context, name string) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	return c.store.breakHolders(name)
}

func (c *conn) Force(ctx context.Context, name string) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	return c.store.force(name)
}

// Check has nothing to look at but the promise that it keeps.
func (c *conn) Check(ctx context.Context) ([]driver.Finding, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	return []driver.Finding{{What: "memory", Text: "locks of this process only, gone with it"}}, nil
}
