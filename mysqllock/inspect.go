package mysqllock

import (
	"context"
	"database/sql"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Inspect(ctx context.Context, name string) (driver.State, error) {
	states, err := c.states(ctx, "name = ?", []byte(name))
	if err != nil || len(states) == 0 {
		return driver.State{Name: name}, err
	}
	return states[0], nil
}

func (c *conn) List(ctx context.Context, prefix string) ([]driver.State, error) {
	p := []byte(prefix)
	return c.states(ctx, "name >= ? AND LEFT(name, ?) = ?", p, len(p), p)
}

// states returns the names of which which is true, sorted.
func (c *conn) states(ctx context.Context, which string, args ...any) ([]driver.State, error) {
	query := c.db.text("list", "{which}", which)
	args = append(args, args...) // for both tables
	var states []driver.State
	err := c.call(ctx, func(ctx context.Context) error {
		states = nil
		return c.db.each(ctx, query, args, func(rows *sql.Rows) error { return addState(&states, rows) })
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

// addState adds a row of list.sql, which come in the order of their names.
func addState(states *[]driver.State, rows *sql.Rows) error {
	var name string
	var kind, slots int
	var seq, since, until int64
	var h driver.Holder
	err := rows.Scan(&name, &kind, &seq, &h.Holder, &h.Owner, &h.Note, &h.Mode, &slots, &h.Token, &since, &until, &h.Broken)
	if err != nil {
		return err
	}
	h.Since, h.Until = time.UnixMicro(since), time.UnixMicro(until)
	if n := len(*states); n == 0 || (*states)[n-1].Name != name {
		*states = append(*states, driver.State{Name: name})
	}
	state := &(*states)[len(*states)-1]
	state.Slots = max(state.Slots, slots)
	if kind == kindLease {
		state.Holders = append(state.Holders, h)
	} else {
		state.Waiters = append(state.Waiters, driver.Waiter{Holder: h.Holder, Owner: h.Owner, Note: h.Note, Mode: h.Mode, Since: h.Since})
	}
	return nil
}
