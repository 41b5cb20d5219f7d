package pawl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Client takes locks by name from one backend. It is safe for use by many
// goroutines and is meant to be shared by all that use the backend.
type Client struct {
	driver driver.Driver
	traits driver.Traits
	opts   Options
	clock  func() instant

	closing context.Context // ends, with ErrClosed, when Close begins
	shut    context.CancelCauseFunc
	base    context.Context // of work in the background; ends when Close gives up waiting
	bounds  bounds          // of the calls that no caller bounds
	abandon context.CancelFunc
	keeper  keeper

	mu      sync.Mutex
	lineups map[lineKey]*lineup
	grants  int           // leases that are held and not known to be lost
	tasks   int           // calls and goroutines that Close waits for
	closed  bool          // no new lock, no renewal
	forsook bool          // Close does not wait for grants any more
	settled chan struct{} // closed when closed is set and nothing is left to wait for
}

// New returns a client of d, which it owns from then on: Close closes it too.
// opts may be nil. An option out of range is ErrInvalidOption, and d stays open.
func New(d driver.Driver, opts *Options) (*Client, error) {
	traits := d.Traits()
	checked, err := opts.withDefaults(traits)
	if err != nil {
		return nil, fmt.Errorf("pawl: options: %w", err)
	}
	c := &Client{
		driver:  d,
		traits:  traits,
		opts:    checked,
		clock:   clock,
		lineups: make(map[lineKey]*lineup),
		settled: make(chan struct{}),
	}
	c.closing, c.shut = context.WithCancelCause(context.Background())
	c.base, c.abandon = context.WithCancel(context.Background())
	c.keeper.start(c)
	return c, nil
}

// Lock takes the lock called name, waiting in line until ctx or Wait ends.
//
// On success the lock is held until Unlock; ctx governs the holding too: see
// [Lock.Context]. On failure nothing is held and nobody waits.
//
// Errors: ErrHeld (as *HeldError) when Wait has ended, ErrDeadlock when ctx already holds
// name, ErrClosed, ErrInvalidName, ErrInvalidOption, ErrUnsupported,
// ErrUnavailable, and the end of ctx.
func (c *Client) Lock(ctx context.Context, name string, opts ...LockOption) (*Lock, error) {
	s, err := c.settings(name, opts)
	if err != nil {
		return nil, opError("lock", name, err)
	}
	return c.lock(ctx, name, s)
}

// TryLock is Lock without waiting: it returns a *HeldError at once when the lock is
// held or others are in line for it. A Wait among opts has no effect.
func (c *Client) TryLock(ctx context.Context, name string, opts ...LockOption) (*Lock, error) {
	s, err := c.settings(name, opts)
	if err != nil {
		return nil, opError("lock", name, err)
	}
	s.wait, s.waitSet = 0, true
	return c.lock(ctx, name, s)
}

func (c *Client) lock(ctx context.Context, name string, s settings) (*Lock, error) {
	if ctx.Err() != nil {
		return nil, opError("lock", name, endOf(ctx))
	}
	lock, err := c.reenter(ctx, name, s)
	if lock == nil && err == nil {
		lock, err = c.take(ctx, name, s)
	}
	if err == nil {
		return lock, nil
	}
	if held := (*HeldError)(nil); errors.As(err, &held) {
		return nil, held // names the operation and the lock itself
	}
	return nil, opError("lock", name, err)
}

// take gets a lock that ctx does not hold yet.
func (c *Client) take(ctx context.Context, name string, s settings) (*Lock, error) {
	if s.apart() {
		return c.takeApart(ctx, name, s)
	}
	return c.takeInLine(ctx, name, s)
}

// request returns what to ask the driver for, under a fresh holder id.
func (c *Client) request(name string, s settings, noWait bool) driver.Request {
	return driver.Request{
		Name:   name,
		Holder: newHolder(),
		Owner:  c.opts.Owner,
		Mode:   s.mode,
		Slots:  s.slots,
		TTL:    s.ttl,
		NoWait: noWait,
		Note:   s.note,
	}
}

// Do runs fn under the lock called name and unlocks it, also when fn panics. It
// returns fn's error, joined with what Unlock returned: ErrLost when the lock is
// known to have been lost meanwhile, even if fn returned nil. Waiting and errors are
// those of Lock. fn gets the lock's context.
func (c *Client) Do(ctx context.Context, name string, fn func(ctx context.Context, lock *Lock) error, opts ...LockOption) error {
	lock, err := c.Lock(ctx, name, opts...)
	if err != nil {
		return err
	}
	return lock.do(fn)
}

// Close ends the client. Those who wait get ErrClosed at once; the context of
// every lock that is held ends with ErrClosed, and its renewals with it. Close
// then waits until each of these locks is unlocked or its lease has run out and
// calls to the backend that are under way have returned, or until ctx ends: it
// releases nothing itself, because the work may still be running. Last it closes
// the driver. No goroutine of the client remains.
//
// When ctx ends first, Close returns its error; leases that are still held are left to run
// out, and their Unlock returns ErrClosed. Closing again is ErrClosed.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return fmt.Errorf("pawl: close: %w", ErrClosed)
	}
	c.closed = true
	for _, l := range c.lineups {
		c.dismiss(l, ErrClosed)
		c.proceed(l)
	}
	do := c.keeper.endAll(ErrClosed)
	c.settle()
	c.mu.Unlock()
	c.shut(ErrClosed)
	do.run()

	var err error
	select {
	case <-c.settled:
	case <-ctx.Done():
		err = fmt.Errorf("pawl: close: locks are still held: %w", endOf(ctx))
	}
	c.abandon()
	c.keeper.stop()
	if closeErr := c.driver.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("pawl: close: %w", closeErr)
	}
	c.mu.Lock()
	c.forsook = true
	c.settle()
	c.mu.Unlock()
	<-c.settled // calls that were under way end with the driver
	return err
}

// enter counts a call or goroutine that Close waits for, or reports false when
// the client is closed. mu is held.
func (c *Client) enter() bool {
	if c.closed {
		return false
	}
	c.tasks++
	return true
}

// leave undoes enter. mu is held.
func (c *Client) leave() {
	c.tasks--
	c.settle()
}

// settle tells Close when nothing is left to wait for. mu is held.
func (c *Client) settle() {
	if !c.closed || c.grants > 0 && !c.forsook || c.tasks > 0 {
		return
	}
	select {
	case <-c.settled:
	default:
		close(c.settled)
	}
}

// background runs fn in a goroutine that Close waits for, or not at all when Close
// does not wait any more. mu is held.
func (c *Client) background(fn func()) {
	select {
	case <-c.settled:
		return
	default:
	}
	c.tasks++
	go func() {
		fn()
		c.mu.Lock()
		c.leave()
		c.mu.Unlock()
	}()
}

// An attempt to release that failed is repeated after cleanUpWait, which doubles
// up to cleanUpMax: the next in line waits for it when the backend is back.
const (
	cleanUpWait = 50 * time.Millisecond
	cleanUpMax  = time.Second
)

// release gives req back, trying again until ctx ends.
func (c *Client) release(ctx context.Context, req driver.Request) error {
	for wait := cleanUpWait; ; wait = min(2*wait, cleanUpMax) {
		err := c.driver.Release(ctx, req)
		if err == nil || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(jitter(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// cleanUp releases req in the background, whatever became of it, once after is
// closed where that is not nil, and gives up when its TTL has passed. mu is held.
func (c *Client) cleanUp(req driver.Request, after <-chan struct{}) {
	if c.base.Err() != nil {
		return // the driver is closed
	}
	c.background(func() {
		ctx, cancel := context.WithTimeout(c.base, req.TTL)
		defer cancel()
		await(ctx, after)
		if err := c.release(ctx, req); err != nil {
			c.unconfirmed(&req, err)
		}
	})
}

// await waits until done is closed or ctx ends. A nil done is closed.
func await(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// unconfirmed logs that the backend has not said whether it released req.
func (c *Client) unconfirmed(req *driver.Request, err error) {
	c.opts.Logger.Warn("pawl: clean-up not confirmed; the lease will run out",
		"name", req.Name, "owner", req.Owner, "backend", c.traits.Backend, "err", err)
}
