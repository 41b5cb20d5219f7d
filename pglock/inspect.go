package pglock

import (
	"context"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (t *table) Inspect(ctx context.Context, name string) (driver.State, error) {
	states, err := t.inspect(ctx, name, false)
	if err != nil || len(states) == 0 {
		return driver.State{Name: name}, err
	}
	return states[0], nil
}

func (t *table) List(ctx context.Context, prefix string) ([]driver.State, error) {
	return t.inspect(ctx, prefix, true)
}

func (t *table) inspect(ctx context.Context, name string, isPrefix bool) ([]driver.State, error) {
	var rows []stateRow
	err := t.detached(ctx, func(ctx context.Context) error {
		_, err := t.pool.run(ctx, t.sql.reading("inspect", collect(&rows), []byte(name), isPrefix))
		return err
	})
	if err != nil {
		return nil, err
	}
	var states []driver.State
	for i := range rows {
		name := string(rows[i].Name)
		if len(states) == 0 || states[len(states)-1].Name != name {
			states = append(states, driver.State{Name: name})
		}
		rows[i].addTo(&states[len(states)-1])
	}
	return states, nil
}

// stateRow is a row of inspect.sql, which come in the order of the names.
type stateRow struct {
	Name         []byte
	Waits        bool
	Holder       string
	Owner, Note  []byte
	Mode, Slots  int
	Token        int64
	Since, Until int64
	Broken       bool
	Seq          int64
}

func (r *stateRow) addTo(state *driver.State) {
	owner, note, since := string(r.Owner), string(r.Note), time.UnixMicro(r.Since)
	state.Slots = r.Slots
	if r.Waits {
		state.Waiters = append(state.Waiters, driver.Waiter{Holder: r.Holder, Owner: owner, Note: note, Mode: driver.Mode(r.Mode), Since: since})
		return
	}
	state.Holders = append(state.Holders, driver.Holder{
		Holder: r.Holder, Owner: owner, Note: note, Mode: driver.Mode(r.Mode), Token: uint64(r.Token),
		Since: since, Until: time.UnixMicro(r.Until), Broken: r.Broken,
	})
}
