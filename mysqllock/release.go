package mysqllock

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/driver"
)

// giving is an uncontended release.
type giving struct {
	outcome
	given bool // false: it is not uncontended
}

func (c *conn) Release(ctx context.Context, req driver.Request) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	if req.Slots == 0 && req.Mode == driver.Exclusive && !c.busy.has(req.Name) {
		g := &giving{outcome: newOutcome(ctx, &req)}
		if err := c.releases.add(g); err != nil {
			return err
		}
		if err := g.wait(c); err != nil || g.given {
			return err
		}
	}
	return c.settle(ctx, req.Name, req.Holder, func(s *state) error {
		s.release(&req)
		return nil
	})
}

func (c *conn) releaseBatch(ctx context.Context, batch []*giving) error {
	reqs := make([]*driver.Request, len(batch))
	for i, g := range batch {
		reqs[i] = &g.req
	}
	args, lists := pairs(reqs)
	result, err := c.db.pool.ExecContext(ctx, c.db.text("release", lists...), args...)
	if err != nil {
		return err
	}
	given, err := result.RowsAffected()
	if err != nil {
		return err
	}
	remain := make(map[string]bool)
	if given > 0 && int(given) < len(batch) {
		if remain, err = c.remaining(ctx, args, lists); err != nil {
			return err
		}
	}
	// Who neither was given back nor remains has not held: which of them, each finds out.
	known := given > 0 && int(given)+len(remain) == len(batch)
	for _, g := range batch {
		g.given = known && !remain[pairKey(g.req.Name, g.req.Holder)]
		g.finish(nil)
	}
	return nil
}

// remaining returns which pairs still hold.
func (c *conn) remaining(ctx context.Context, args []any, lists []string) (map[string]bool, error) {
	remain := make(map[string]bool)
	err := c.db.each(ctx, c.db.text("remaining", lists...), args, func(rows *sql.Rows) error {
		var name, holder string
		err := rows.Scan(&name, &holder)
		remain[pairKey(name, holder)] = true
		return err
	})
	return remain, err
}
