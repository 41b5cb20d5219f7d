package sqlitelock

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Inspect(ctx context.Context, name string) (driver.State, error) {
	states, err := c.inspect(ctx, name, false)
	if err != nil || len(states) == 0 {
		return driver.State{Name: name}, err
	}
	return states[0], nil
}

func (c *conn) List(ctx context.Context, prefix string) ([]driver.State, error) {
	return c.inspect(ctx, prefix, true)
}

func (c *conn) inspect(ctx context.Context, name string, isPrefix bool) (states []driver.State, err error) {
	err = c.db.read(ctx, func(s *session) error {
		if _, err := s.exec("BEGIN"); err != nil { // one snapshot for both queries
			return err
		}
		defer func() { _, _ = s.exec("COMMIT") }()
		states, err = s.states(name, isPrefix)
		return err
	})
	return states, err
}

// states returns who uses name, or each name that begins with it, sorted by name.
func (s *session) states(name string, isPrefix bool) ([]driver.State, error) {
	byName := make(map[string]*driver.State)
	var order []*driver.State
	of := func(name string) *driver.State {
		if byName[name] == nil {
			byName[name] = &driver.State{Name: name}
			order = append(order, byName[name])
		}
		return byName[name]
	}
	if err := s.holders(name, isPrefix, of); err != nil {
		return nil, err
	}
	if err := s.waiters(name, isPrefix, of); err != nil {
		return nil, err
	}
	return sorted(order), nil
}

func (s *session) holders(name string, isPrefix bool, of func(string) *driver.State) error {
	rows, err := s.rows("holders", []byte(name), isPrefix)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name []byte
		var h driver.Holder
		var slots int
		var since, until int64
		if err := rows.Scan(&name, &h.Holder, &h.Owner, &h.Note, &h.Mode, &slots, &h.Token, &since, &until, &h.Broken); err != nil {
			return err
		}
		h.Since, h.Until = time.UnixMicro(since), time.UnixMicro(until)
		state := of(string(name))
		state.Slots = slots
		state.Holders = append(state.Holders, h)
	}
	return rows.Err()
}

func (s *session) waiters(name string, isPrefix bool, of func(string) *driver.State) error {
	rows, err := s.rows("waiters", []byte(name), isPrefix)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name []byte
		var w driver.Waiter
		var slots int
		var since int64
		if err := rows.Scan(&name, &w.Holder, &w.Owner, &w.Note, &w.Mode, &slots, &since); err != nil {
			return err
		}
		w.Since = time.UnixMicro(since)
		state := of(string(name))
		state.Slots = slots
		state.Waiters = append(state.Waiters, w)
	}
	return rows.Err()
}

func sorted(states []*driver.State) []driver.State {
	out := make([]driver.State, len(states))
	for i, state := range states {
		out[i] = *state
	}
	slices.SortFunc(out, func(a, b driver.State) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
