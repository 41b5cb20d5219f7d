package mysqllock

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Renew sends at most maxBatch leases in one statement, sorted by name like everything
// that locks many rows.
func (c *conn) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	plain, crowd := split(leases)
	for _, kind := range []struct {
		of  []int
		run func(context.Context, []*driver.Request) (map[string]bool, error)
	}{{plain, c.renewLocks}, {crowd, c.renewLine}} {
		for chunk := range slices.Chunk(kind.of, maxBatch) {
			c.renewChunk(ctx, leases, renewals, chunk, kind.run)
		}
	}
	return renewals
}

// split returns the indices of exclusive leases and those of all others, by name.
func split(leases []driver.Lease) (plain, crowd []int) {
	for i := range leases {
		if leases[i].Slots == 0 && leases[i].Mode == driver.Exclusive {
			plain = append(plain, i)
		} else {
			crowd = append(crowd, i)
		}
	}
	byName := func(i, j int) int { return strings.Compare(leases[i].Name, leases[j].Name) }
	slices.SortFunc(plain, byName)
	slices.SortFunc(crowd, byName)
	return plain, crowd
}

// renewChunk renews leases[i] for each i in chunk; run returns those that it has not
// renewed, and whether they are broken.
func (c *conn) renewChunk(ctx context.Context, leases []driver.Lease, renewals []driver.Renewal, chunk []int,
	run func(context.Context, []*driver.Request) (map[string]bool, error)) {
	reqs := make([]*driver.Request, len(chunk))
	for i, at := range chunk {
		req := leases[at].Request // run may outlast this call
		reqs[i] = &req
	}
	var sent time.Time
	var held map[string]bool
	err := c.call(ctx, func(ctx context.Context) (err error) {
		sent = time.Now()
		held, err = run(ctx, reqs)
		return err
	})
	for i, at := range chunk {
		switch {
		case err != nil:
			renewals[at].Err = err
		default:
			renewals[at] = renewal(reqs[i], held, sent)
		}
	}
}

// renewal is what became of req: held has the leases that live, and whether they are
// broken. It is nil when all of them were renewed.
func renewal(req *driver.Request, held map[string]bool, sent time.Time) driver.Renewal {
	broken, lives := held[pairKey(req.Name, req.Holder)]
	switch {
	case held == nil || lives && !broken:
		return driver.Renewal{Until: driver.Trust(sent, req.TTL)}
	case broken:
		return driver.Renewal{Err: fmt.Errorf("broken: %w", driver.ErrLost)}
	}
	return driver.Renewal{Err: fmt.Errorf("expired or freed: %w", driver.ErrLost)}
}

func (c *conn) renewLocks(ctx context.Context, reqs []*driver.Request) (map[string]bool, error) {
	args, lists := pairs(reqs)
	result, err := c.db.pool.ExecContext(ctx, c.db.text("renew", lists...), args...)
	if err != nil {
		return nil, err
	}
	renewed, err := result.RowsAffected()
	if err != nil || int(renewed) == len(reqs) {
		return nil, err
	}
	// What lives now and is not broken has lived then.
	return c.living(ctx, c.db.text("renewed", lists...), args)
}

func (c *conn) renewLine(ctx context.Context, reqs []*driver.Request) (map[string]bool, error) {
	args, lists := pairs(reqs)
	return c.living(ctx, c.db.text("renew_line", lists...), slices.Concat(args, args))
}

// living returns the leases that live, and whether they are broken.
func (c *conn) living(ctx context.Context, query string, args []any) (map[string]bool, error) {
	held := make(map[string]bool)
	err := c.db.each(ctx, query, args, func(rows *sql.Rows) error {
		var name, holder string
		var broken bool
		err := rows.Scan(&name, &holder, &broken)
		held[pairKey(name, holder)] = broken
		return err
	})
	return held, err
}

func (c *conn) Break(ctx context.Context, name string) error {
	return c.breakWith(ctx, name, (*state).breakAll)
}

func (c *conn) Force(ctx context.Context, name string) error {
	return c.breakWith(ctx, name, (*state).force)
}

// breakWith does what do does to the holders of name.
func (c *conn) breakWith(ctx context.Context, name string, do func(*state) error) error {
	return c.settle(ctx, name, "", do)
}
