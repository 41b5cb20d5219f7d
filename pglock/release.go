package pglock

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/driver"
)

func (t *table) Release(ctx context.Context, req driver.Request) error {
	if req.Slots == 0 && req.Mode == driver.Exclusive && !t.crowded.forget(req.Holder) {
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

// crowdedLeases are those that were not granted in a name's own row, so that there is no
// use in looking for them there. It is a hint: a lease that is not in it is looked for in
// both places.
type crowdedLeases struct{ holders sync.Map }

func (c *crowdedLeases) note(lease *driver.Lease) {
	if lease.Token != 0 && lease.Slots == 0 && lease.Mode == driver.Exclusive {
		c.holders.Store(lease.Holder, nil)
	}
}

// forget reports whether the lease of holder is noted, and forgets it.
func (c *crowdedLeases) forget(holder string) bool {
	_, noted := c.holders.LoadAndDelete(holder)
	return noted
}
