// Package sqlitelock keeps pawl's locks in a SQLite file: for the processes of one
// machine, with nothing to install or to run.
//
//	driver, err := sqlitelock.New(ctx, "/var/lib/shop/locks.db", nil)
//	client, err := pawl.New(driver, nil)
//
// An uncontended lock is one statement and its release another. Those who wait
// poll a counter that SQLite changes with every commit, the next in line about
// every millisecond and the others the less often the longer the line is. A release
// grants the lock to the next in line, who has the claim window to take it.
//
// The file must be on a local disk: SQLite's write-ahead log needs memory that its
// users share, which a network file system does not give. Expiry is decided by the
// machine's wall clock; so when that is set forward by more than a TTL, a lock can
// pass on before its holder is told.
package sqlitelock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	// DefaultBusyTimeout leaves room for every write that is under way.
	DefaultBusyTimeout = 5 * time.Second
)

const (
	// claimWindow is some times the longest interval between two looks.
	claimWindow = 400 * time.Millisecond
	// placeTTL is how long a place in line outlives a process that has died. It
	// matters to listings only: such a place costs the line one claim window.
	placeTTL = 20 * time.Second
)

// Options are the settings of a driver. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// BusyTimeout is how long a call tries to get at the file while other processes
	// write to it, before it is driver.ErrUnavailable. The default is
	// DefaultBusyTimeout.
	BusyTimeout time.Duration
}

// New opens the lock file at path, and makes it when there is none; the folder must
// exist. ctx bounds the opening only. The file is used for nothing but locks.
//
// A file that is not a SQLite file, that is damaged, that is another program's, that
// cannot be written, or that is on a network file system is refused with
// driver.ErrInvalidOption and not touched. Other failures are
// driver.ErrUnavailable.
func New(ctx context.Context, path string, opts *Options) (driver.Driver, error) {
	busy := DefaultBusyTimeout
	if opts != nil && opts.BusyTimeout != 0 {
		busy = opts.BusyTimeout
	}
	if busy < 0 {
		return nil, fmt.Errorf("sqlitelock: BusyTimeout %v: want 0 or more: %w", busy, driver.ErrInvalidOption)
	}
	db, err := open(ctx, path, busy)
	if err != nil {
		return nil, fmt.Errorf("sqlitelock: %s: %w", path, err)
	}
	c := &conn{db: db, client: rand.Text(), placeTTL: placeTTL}
	c.watch = newWatcher(c)
	return c, nil
}

// conn is one client's access to a lock file.
type conn struct {
	db     *database
	client string // marks the waiters that are this client's
	watch  *watcher

	placeTTL time.Duration // shorter in tests
}

func (c *conn) Traits() driver.Traits {
	return driver.Traits{
		Backend:     "sqlite",
		Scope:       driver.Host,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       false,
		Durable:     true,
		MinTTL:      100 * time.Millisecond,
		Precision:   100 * time.Millisecond,
		ClaimWindow: claimWindow,
	}
}

func (c *conn) Close() error {
	c.watch.close()
	return c.db.close()
}

func (c *conn) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	for from := 0; from < len(leases); from += renewBatch {
		to := min(from+renewBatch, len(leases))
		c.renewBatch(ctx, leases[from:to], renewals[from:to])
	}
	return renewals
}

// renewBatch is how many leases are renewed in one transaction. 256 take about 3 ms,
// which is as long as a renewal may keep others from the file.
const renewBatch = 256

func (c *conn) renewBatch(ctx context.Context, leases []driver.Lease, renewals []driver.Renewal) {
	err := c.db.write(ctx, len(leases) > 1, func(sent time.Time) error {
		for i := range leases {
			lease := &leases[i]
			renewed, err := c.db.exec("renew", []byte(lease.Name), lease.Holder)
			switch {
			case err != nil:
				return err
			case renewed == 0:
				renewals[i] = driver.Renewal{Err: fmt.Errorf("expired, broken or freed: %w", driver.ErrLost)}
			default:
				renewals[i] = driver.Renewal{Until: driver.Trust(sent, lease.TTL)}
			}
		}
		return nil
	})
	if errors.Is(err, errReplaced) {
		err = fmt.Errorf("%w: %w", driver.ErrLost, err) // the next holder is in another file
	}
	if err != nil {
		for i := range renewals {
			renewals[i] = driver.Renewal{Err: err}
		}
	}
}

func (c *conn) Release(ctx context.Context, req driver.Request) error {
	name := []byte(req.Name)
	var released int64
	err := c.db.write(ctx, false, func(time.Time) (err error) {
		released, err = c.db.exec("release", name, req.Holder)
		return err
	})
	if err != nil || released > 0 {
		return err
	}
	return c.db.write(ctx, true, func(time.Time) error { return c.leave(name, &req) })
}

func (c *conn) Break(ctx context.Context, name string) error {
	return c.breakWith(ctx, func() (int64, error) {
		return c.db.exec("break", []byte(name))
	})
}

func (c *conn) Force(ctx context.Context, name string) error {
	return c.breakWith(ctx, func() (int64, error) {
		freed, err := c.db.exec("force", []byte(name))
		if err != nil {
			return 0, err
		}
		_, err = c.sweep([]byte(name))
		return freed, err
	})
}

func (c *conn) breakWith(ctx context.Context, do func() (int64, error)) error {
	var broken int64
	err := c.db.write(ctx, true, func(time.Time) (err error) {
		broken, err = do()
		return err
	})
	if err == nil && broken == 0 {
		return driver.ErrNotHeld
	}
	return err
}

// checkReplaced refuses to go on when the file at the path is not the one that was
// opened: others lock in the new one.
func checkReplaced(path string, opened os.FileInfo) error {
	now, err := os.Stat(path)
	if err != nil || !os.SameFile(now, opened) {
		return fmt.Errorf("%w: %w", errReplaced, driver.ErrUnavailable)
	}
	return nil
}

var errReplaced = errors.New("the file was removed or replaced while it was open")
