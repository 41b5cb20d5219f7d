package pglock

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

func (t *table) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if req.Slots == 0 && req.Mode == driver.Exclusive {
		o, err := t.grants.do(ctx, &req)
		switch {
		case err != nil:
			return driver.Lease{}, err
		case o.token != 0:
			return o.lease(&req), nil
		case req.NoWait && o.held != nil:
			return driver.Lease{}, o.held
		}
	}
	if req.NoWait {
		o, err := t.asks.do(ctx, &req)
		if err != nil {
			return driver.Lease{}, err
		}
		lease, _, err := o.judge(&req)
		t.crowded.note(&lease)
		return lease, err
	}
	return t.wait(ctx, &req)
}

// wait stands in line until req is granted.
func (t *table) wait(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	turn := t.watch.join(req)
	defer t.watch.leave(req)
	next := &t.asks
	for {
		o, err := next.do(ctx, req)
		if err != nil {
			return driver.Lease{}, err
		}
		if next == &t.claims && o.token == 0 { // too late, or a mistake
			next = &t.asks
			continue
		}
		lease, inLine, err := o.judge(req)
		if !inLine {
			t.crowded.note(&lease)
			return lease, err
		}
		t.watch.expect(req, o.before, o.expiry)
		select {
		case granted := <-turn:
			next = &t.asks
			if granted {
				next = &t.claims
			}
		case <-ctx.Done():
			return driver.Lease{}, ctx.Err()
		case <-t.ctx.Done():
			return driver.Lease{}, driver.ErrClosed
		}
	}
}

// lease returns the lease that was granted to req.
func (o *outcome) lease(req *driver.Request) driver.Lease {
	return driver.Lease{Request: *req, Token: o.token, Until: driver.Trust(o.sent, o.left)}
}

// judge says what req has come to: a lease, a place in line, or neither.
func (o *outcome) judge(req *driver.Request) (lease driver.Lease, inLine bool, err error) {
	switch {
	case o.token != 0:
		return o.lease(req), false, nil
	case o.marked:
		return lease, false, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	case o.inLine && !req.NoWait:
		return lease, true, nil
	case o.slots != req.Slots && !o.inLine:
		return lease, false, fmt.Errorf("in use with %d slots (0 is none), not %d: %w", o.slots, req.Slots, driver.ErrInvalidOption)
	case o.held != nil:
		return lease, false, o.held
	}
	return lease, false, &driver.HeldError{}
}

// grantFast is the run of the combiner grants.
func (t *table) grantFast(ctx context.Context, batch []*operation) error {
	c := columnsOf(batch)
	var err error
	var rows []fastRow
	sent, err := t.pool.run(ctx, t.sql.reading("fast", collect(&rows), c.names, c.holders, c.ttls, c.owners, c.notes))
	if err != nil {
		return err
	}
	byName := make(map[string]*operation, len(batch))
	for _, op := range batch {
		op.outcome = outcome{sent: sent}
		byName[op.req.Name] = op
	}
	for i := range rows {
		rows[i].apply(byName[string(rows[i].Name)])
	}
	return nil
}

// fastRow is a row of fast.sql: what the name's own row was after the grant, or before.
type fastRow struct {
	Name    []byte
	Holder  string
	Token   int64
	Owner   []byte
	Since   int64
	Until   int64
	Left    int64
	Crowded bool
	Marked  bool
}

func (r *fastRow) apply(op *operation) {
	o, mine := &op.outcome, r.Holder == op.req.Holder
	switch {
	case mine && !r.Crowded:
		o.token, o.left = uint64(r.Token), micros(r.Left)
	case mine || r.Holder == "" || r.Marked || o.token != 0:
		// A transaction has to tell, or it was free by the time of the grant.
	default:
		o.held = heldBy(r.Owner, r.Since, r.Until)
	}
}

func heldBy(owner []byte, since, until int64) *driver.HeldError {
	return &driver.HeldError{Owner: string(owner), Since: time.UnixMicro(since), Until: time.UnixMicro(until)}
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// ask is the run of the combiner asks: it puts the requests in line and grants to those
// at the head, who are often the same.
func (t *table) ask(ctx context.Context, batch []*operation) error {
	c := columnsOf(batch)
	var rows []answerRow
	claim := t.sql.step("claim", c.names, c.holders)
	enqueue := t.sql.step("enqueue", c.names, c.holders, c.modes, c.slots, c.ttls, c.owners, c.notes, t.watch.channel, placeTTL.Microseconds())
	after := []step{t.sql.reading("answer", collect(&rows), c.names, c.holders)}
	if names, holders := c.impatient(batch); len(names) > 0 {
		after = append(after, t.sql.step("withdraw", names, holders))
	}
	sent, passed, err := t.settle(ctx, c.names, c.holders, []step{claim, enqueue}, after...)
	if err != nil {
		return err
	}
	for i := range rows {
		batch[rows[i].Ord-1].outcome = rows[i].outcome(sent)
	}
	t.watch.settleAfterClaim(passed)
	return nil
}

// answerRow is a row of answer.sql.
type answerRow struct {
	Ord, Token, Left int64
	InLine, Marked   bool
	Before, Expiry   int64
	Owner            []byte
	Since, Until     int64
	Slots            int
}

func (r *answerRow) outcome(sent time.Time) outcome {
	o := outcome{
		sent: sent, token: uint64(r.Token), left: micros(r.Left), inLine: r.InLine, marked: r.Marked,
		before: int(r.Before), expiry: micros(r.Expiry), slots: r.Slots,
	}
	if r.Until != 0 {
		o.held = heldBy(r.Owner, r.Since, r.Until)
	}
	return o
}

// settle runs a transaction on everything that there is of names: it clears away what has
// run out, does the steps first, grants to those at the head of the lines, and does the
// steps then. asking are the holder ids whose own requests these are. It returns the names
// that were granted to others.
func (t *table) settle(ctx context.Context, names [][]byte, asking []string, first []step, then ...step) (sent time.Time, passed map[string]bool, err error) {
	var granted []nameRow
	steps := []step{t.sql.step("lock_names", names), t.sql.step("spill", names), t.sql.step("expire", names)}
	steps = append(steps, first...)
	steps = append(steps, t.sql.reading("grant", collect(&granted), names, asking, claimWindow.Microseconds()))
	steps = append(steps, then...)
	sent, err = t.pool.run(ctx, append(steps, t.sql.step("calm", names))...)
	passed = make(map[string]bool, len(granted))
	for _, row := range granted {
		passed[string(row.Name)] = true
	}
	return sent, passed, err
}

// claim is the run of the combiner claims.
func (t *table) claim(ctx context.Context, batch []*operation) error {
	c := columnsOf(batch)
	var rows []claimRow
	sent, err := t.pool.run(ctx, t.sql.step("lock_known", c.names), t.sql.reading("claim", collect(&rows), c.names, c.holders))
	if err != nil {
		return err
	}
	byName := make(map[string]claimRow, len(rows))
	for _, r := range rows {
		byName[string(r.Name)] = r
	}
	for _, op := range batch {
		r := byName[op.req.Name]
		op.outcome = outcome{sent: sent, token: uint64(r.Token), left: micros(r.Left)}
	}
	return nil
}

// claimRow is a row of claim.sql.
type claimRow struct {
	Name        []byte
	Token, Left int64
}

// nameRow is a row of a name.
type nameRow struct{ Name []byte }

// collect returns a reader of rows into all, by the order of the fields.
func collect[T any](all *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	}
}
