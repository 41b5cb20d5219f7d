package mysqllock

import (
	"context"
	"errors"
	"sync"

	"github.com/pawl-go/pawl/driver"
)

// decision is what somebody wants of a name that is in use, or has been.
type decision struct {
	ctx    context.Context // of who wants it
	holder string
	decide func(*state) error // its error, one of isOurs, is the outcome
	err    error
	done   chan struct{} // closed when err is set
}

// settling are the names on which decisions are being made. What the goroutines of a
// client want of one name at the same time is decided together, from one reading and with
// one change: so they do not get in each other's way, and only clients do.
type settling struct {
	mu      sync.Mutex
	pending map[string][]*decision // a name is in it while it is being settled
}

// maxDecisions bounds what one change consists of.
const maxDecisions = 32

// settle decides on a name with decide, saves what follows from it, and returns the
// outcome. decide may be called several times, also after settle has returned because ctx
// has ended.
func (c *conn) settle(ctx context.Context, name, holder string, decide func(*state) error) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	d := &decision{ctx: ctx, holder: holder, decide: decide, done: make(chan struct{})}
	if !c.settling.add(c, name, d) {
		return driver.ErrClosed
	}
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.life.Done():
		return driver.ErrClosed
	}
}

func (s *settling) add(c *conn, name string, d *decision) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, runs := s.pending[name]
	if !runs && !c.background(func() { c.settleName(name) }) {
		return false
	}
	if s.pending == nil {
		s.pending = make(map[string][]*decision)
	}
	s.pending[name] = append(waiting, d)
	return true
}

// take returns what is to be decided next on name; nothing ends the settling of it.
func (s *settling) take(name string) []*decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.pending[name]
	n := min(len(all), maxDecisions)
	if n == 0 {
		delete(s.pending, name)
		return nil
	}
	s.pending[name] = all[n:]
	return all[:n:n]
}

// settleName decides on name until there is nothing to decide.
func (c *conn) settleName(name string) {
	for batch := c.settling.take(name); batch != nil; batch = c.settling.take(name) {
		err := c.db.try(context.Background(), func(ctx context.Context) error { return c.decide(ctx, name, batch) })
		for _, d := range batch {
			if err != nil {
				d.err = err
			}
			close(d.done)
		}
	}
}

// decide reads name, decides and saves. Whoever has given up meanwhile is left out: the
// release that follows must not be overtaken.
func (c *conn) decide(ctx context.Context, name string, batch []*decision) error {
	var holders []any
	var live []*decision
	for _, d := range batch {
		if d.err = d.ctx.Err(); d.err == nil {
			holders, live = append(holders, []byte(d.holder)), append(live, d)
		}
	}
	if len(live) == 0 {
		return nil
	}
	if !c.crowds.has(name) {
		err := c.decideOn(ctx, c.db.pool, name, holders, live)
		c.crowds.set(name, errors.Is(err, errConflict))
		return err
	}
	t, err := c.db.takeTurn(ctx, name)
	if err != nil {
		return err
	}
	defer t.end()
	err = c.decideOn(ctx, t.session, name, holders, live)
	if err == nil {
		c.crowds.set(name, t.waited)
	}
	return err
}

// decideOn does the work of decide on a connection, or on any of the pool's.
func (c *conn) decideOn(ctx context.Context, on querier, name string, holders []any, live []*decision) error {
	s, err := c.readOrMake(ctx, on, name, holders)
	if err != nil {
		return err
	}
	for _, d := range live {
		d.err = d.decide(s)
	}
	if err := c.save(ctx, on, s); err != nil {
		return err
	}
	if !s.more || len(s.waiters) > 0 {
		return nil
	}
	// Those after the ones that were read are next.
	s, err = c.db.read(ctx, on, name, []any{""})
	if err != nil {
		return err
	}
	s.sweep()
	return c.save(ctx, on, s)
}

// save saves s and wakes whom that concerns.
func (c *conn) save(ctx context.Context, on querier, s *state) error {
	if err := c.db.save(ctx, on, s); err != nil {
		return err
	}
	c.busy.set(s.name, s.line)
	c.wake(s.granted)
	return nil
}

// readOrMake reads name, and makes its row where it has none.
func (c *conn) readOrMake(ctx context.Context, on querier, name string, holders []any) (*state, error) {
	s, err := c.db.read(ctx, on, name, holders)
	if !errors.Is(err, errNoRow) {
		return s, err
	}
	if _, err := on.ExecContext(ctx, c.db.texts["ensure"], []byte(name)); err != nil {
		return nil, err
	}
	return c.db.read(ctx, on, name, holders)
}
