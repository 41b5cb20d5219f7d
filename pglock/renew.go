package pglock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// renewBatch is how many leases are renewed in one statement: 10,000 take ten. It takes
// about 20 ms, for which their rows are locked.
const renewBatch = 1024

func (t *table) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	r := renewing{table: t, leases: leases, renewals: make([]driver.Renewal, len(leases))}
	all := make([]int, len(leases))
	for i := range all {
		all[i] = i
	}
	// In the order of the names, as everybody locks them.
	slices.SortStableFunc(all, func(i, j int) int { return cmp.Compare(leases[i].Name, leases[j].Name) })
	var left []int
	for batch := range slices.Chunk(all, renewBatch) {
		left = append(left, r.pass(ctx, batch, false)...)
	}
	// What was passed over is mostly lost, and otherwise waits for whoever is at its row.
	for batch := range slices.Chunk(left, 16) {
		for _, i := range r.pass(ctx, batch, true) {
			r.renewals[i].Err = fmt.Errorf("expired, broken or freed: %w", driver.ErrLost)
		}
	}
	return r.renewals
}

// renewing is a call of Renew.
type renewing struct {
	table    *table
	leases   []driver.Lease
	renewals []driver.Renewal
}

// pass tries to renew the leases of batch, and returns those that were not renewed. Where
// waiting, it waits for rows that somebody else has locked, and those are lost.
func (r *renewing) pass(ctx context.Context, batch []int, waiting bool) (left []int) {
	renewed, sent, err := r.transact(ctx, batch, waiting)
	if waiting && len(batch) > 1 && errors.Is(err, errRowLocked) {
		for _, i := range batch { // one of them keeps the others
			left = append(left, r.pass(ctx, []int{i}, true)...)
		}
		return left
	}
	for _, i := range batch {
		switch lease := &r.leases[i]; {
		case err != nil:
			r.renewals[i].Err = err
		case renewed[lease.Holder]:
			r.renewals[i].Until = driver.Trust(sent, lease.TTL)
		default:
			left = append(left, i)
		}
	}
	return left
}

// transact returns the holder ids of those leases of batch that were renewed.
func (r *renewing) transact(ctx context.Context, batch []int, waiting bool) (map[string]bool, time.Time, error) {
	t, c := r.table, &columns{}
	for _, i := range batch {
		c.add(&r.leases[i].Request)
	}
	var rows []holderRow
	var steps []step
	if waiting {
		steps = append(steps, t.sql.step("lock_known", c.names))
	}
	steps = append(steps, t.sql.reading("renew", collect(&rows), c.names, c.holders, c.ttls))
	var sent time.Time
	err := t.detached(ctx, func(ctx context.Context) (err error) {
		sent, err = t.pool.run(ctx, steps...)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err // the others still belong to the call
	}
	renewed := make(map[string]bool, len(batch))
	for _, row := range rows {
		renewed[row.Holder] = true
	}
	return renewed, sent, nil
}

// holderRow is a row of a holder id.
type holderRow struct{ Holder string }
