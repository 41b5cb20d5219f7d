package pglock

import (
	"context"

	"github.com/pawl-go/pawl/driver"
)

func (t *table) Release(ctx context.Context, req driver.Request) error {
	if req.Slots == 0 && req.Mode == driver.Exclusive {
		o, err := t.frees.do(ctx, &req)
		if err != nil || o.freed {
			return err
		}
	}
	_, err := t.returns.do(ctx, &req)
	return err
}

// free is the run of the combiner frees.
func (t *table) free(ctx context.Context, batch []*operation) error {
	c := columnsOf(batch)
	var freed []nameRow
	if _, err := t.pool.run(ctx, t.sql.reading("free", collect(&freed), c.names, c.holders)); err != nil {
		return err
	}
	names := make(map[string]bool, len(freed))
	for _, row := range freed {
		names[string(row.Name)] = true
	}
	for _, op := range batch {
		op.outcome = outcome{freed: names[op.req.Name]}
	}
	return nil
}

// giveBack is the run of the combiner returns.
func (t *table) giveBack(ctx context.Context, batch []*operation) error {
	c := columnsOf(batch)
	_, passed, err := t.settle(ctx, c.names, nobody, []step{t.sql.step("drop", c.names, c.holders, c.ttls)})
	if err == nil {
		t.watch.settleAfterClaim(passed)
	}
	return err
}

// nobody is asking.
var nobody = []string{}
