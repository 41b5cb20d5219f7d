// Package pglock keeps pawl's locks in PostgreSQL: as rows of tables of its own (New), or
// in the caller's transaction (LockTx).
//
//	driver, err := pglock.New(ctx, "postgres://shop@127.0.0.1/shop", nil)
//	client, err := pawl.New(driver, nil)
//
// An uncontended lock is one statement and its release another; what the goroutines of a
// client want at the same moment shares them. Those who wait stand in line in a table. A
// release makes the next in line the holder, who has the claim window to take it, and
// tells it by NOTIFY.
package pglock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	DefaultTable   = "pawl_lock"
	DefaultConns   = 4
	DefaultTimeout = 3 * time.Second
)

const (
	// claimWindow bounds what a waiter that was stopped costs the line. It has to hold a
	// round trip and a commit.
	claimWindow = 300 * time.Millisecond
	// placeTTL is how long a place in line outlives a process that has died. It matters
	// to listings only: such a place costs the line one claim window.
	placeTTL = 20 * time.Second
)

// Options are the settings of a driver. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// Table is the table of locks, with its schema before a dot or without. The names of
	// the others begin with it: see DDL. It is quoted, so it must be spelt as the database
	// stores it. The default is DefaultTable.
	Table string
	// NoCreate leaves the making of the tables to somebody else: see DDL.
	NoCreate bool
	// Conns is how many connections calls may use at the same time. Another one listens
	// once somebody has waited. The default is DefaultConns.
	Conns int
	// Timeout bounds each call of the server, with the time to connect; what is not
	// answered by then is driver.ErrUnavailable. The default is DefaultTimeout.
	Timeout time.Duration
}

// New connects to the database that dsn names, as a URL or as KEY=VALUE pairs, and makes
// the tables when there are none. ctx bounds the opening only. The connections are the
// driver's own, and Close closes them.
//
// Errors, of one line each, after which nothing was changed: driver.ErrInvalidOption for
// what has to be changed in the settings or on the server, such as a wrong password, a
// read-only replica, a missing privilege or a table of another shape;
// driver.ErrUnavailable when the server does not answer; ctx.Err().
func New(ctx context.Context, dsn string, opts *Options) (driver.Driver, error) {
	o, err := opts.complete()
	if err != nil {
		return nil, fmt.Errorf("pglock: %w", err)
	}
	config, err := parseConfig(dsn, o.Timeout)
	if err != nil {
		return nil, fmt.Errorf("pglock: %w", err)
	}
	t, err := openTable(ctx, config, o)
	if err != nil {
		return nil, fmt.Errorf("pglock: %w", err)
	}
	return t, nil
}

// complete returns o with its defaults filled in, or what is wrong with it.
func (o *Options) complete() (Options, error) {
	full := Options{}
	if o != nil {
		full = *o
	}
	if full.Table == "" {
		full.Table = DefaultTable
	}
	if full.Conns == 0 {
		full.Conns = DefaultConns
	}
	if full.Timeout == 0 {
		full.Timeout = DefaultTimeout
	}
	switch {
	case full.Conns < 0 || full.Conns > 1000:
		return full, invalid("Conns %d: want 1 to 1000, or 0 for %d", full.Conns, DefaultConns)
	case full.Timeout < 0:
		return full, invalid("Timeout %v: want more than 0", full.Timeout)
	}
	return full, checkTable(full.Table)
}

// table is one client's access to the lock tables.
type table struct {
	name    string // of the table of locks
	pool    *pool
	sql     statements
	timeout time.Duration
	watch   *watcher
	crowded crowdedLeases

	// What goroutines want at the same moment, by kind.
	grants  combiner // uncontended: fast.sql
	frees   combiner // uncontended: free.sql
	asks    combiner // everything that may have to wait
	claims  combiner
	returns combiner // releases of crowded names

	ctx    context.Context // ends when the driver is closed
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // goroutines that are not a combiner's or the watcher's
}

func openTable(ctx context.Context, config *pgx.ConnConfig, o Options) (*table, error) {
	t := &table{name: o.Table, pool: newPool(config, o.Conns, o.Timeout), sql: statementsFor(o.Table), timeout: o.Timeout}
	if err := t.pool.prepare(ctx, o); err != nil {
		t.pool.close()
		return nil, err
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.watch = newWatcher(t)
	for b, run := range map[*combiner]func(context.Context, []*operation) error{
		&t.grants: t.grantFast, &t.frees: t.free, &t.asks: t.ask, &t.claims: t.claim, &t.returns: t.giveBack,
	} {
		b.run, b.failure, b.timeout = run, t.failure, o.Timeout
	}
	t.start(t.tidy)
	return t, nil
}

func (t *table) Traits() driver.Traits {
	return driver.Traits{
		Backend:     "postgres",
		Scope:       driver.Network,
		FIFO:        true,
		Shared:      true,
		Slots:       true,
		Wakes:       true,
		Durable:     true,
		MinTTL:      100 * time.Millisecond,
		Precision:   100 * time.Millisecond,
		ClaimWindow: claimWindow,
	}
}

func (t *table) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	for _, b := range []*combiner{&t.grants, &t.frees, &t.asks, &t.claims, &t.returns} {
		b.close()
	}
	t.watch.close()
	t.calls.Wait()
	t.pool.close()
	return nil
}

// detached runs do under a context of its own, which ends with the driver's timeout, and
// waits for it or for the end of ctx: a context that is cancelled in the middle of a
// statement would cost the connection.
func (t *table) detached(ctx context.Context, do func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	started := t.start(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.timeout)
		defer cancel()
		done <- t.failure(ctx, do(ctx))
	})
	if !started {
		return driver.ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs do in a goroutine that Close waits for, and reports whether the driver is
// still open.
func (t *table) start(do func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.calls.Go(do)
	}
	return !t.closed
}
