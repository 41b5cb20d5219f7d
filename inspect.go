package pawl

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Info is who holds a lock and who waits for it, as the backend knew it at one
// moment.
type Info struct {
	Name string
	// Slots is the number of permits of a semaphore, 0 otherwise.
	Slots   int
	Holders []Holder
	// Waiters are in the order in which they will get the lock, where the backend
	// has an order. A client counts once, however many of its goroutines wait.
	Waiters []Waiter
}

// Holder is one who holds a lock.
type Holder struct {
	Owner  string
	Note   string
	Shared bool
	// Token is the fencing token with which the lease began; 0 for a slot.
	Token uint64
	// Since and Until are the grant and the expiry, on the backend's clock.
	Since, Until time.Time
	// Broken: it may not be renewed any more.
	Broken bool
}

// Waiter is one who waits for a lock.
type Waiter struct {
	Owner  string
	Note   string
	Shared bool
	// Since is when it joined the line, on the backend's clock.
	Since time.Time
}

// Inspect says who holds name and who waits for it, in one look at the backend. A
// name that nobody uses has neither and is no error.
//
// Errors: ErrUnsupported, ErrInvalidName, ErrUnavailable, the end of ctx.
func (c *Client) Inspect(ctx context.Context, name string) (Info, error) {
	if err := checkName(name, c.traits); err != nil {
		return Info{}, opError("inspect", name, err)
	}
	inspector, ok := c.driver.(driver.Inspector)
	if !ok {
		return Info{}, opError("inspect", name, c.unsupported("inspection"))
	}
	state, err := inspector.Inspect(ctx, name)
	if err != nil {
		return Info{}, opError("inspect", name, err)
	}
	return infoOf(state), nil
}

// List inspects every name in use that begins with prefix, sorted by name. Errors
// are those of Inspect.
func (c *Client) List(ctx context.Context, prefix string) ([]Info, error) {
	inspector, ok := c.driver.(driver.Inspector)
	if !ok {
		return nil, opError("list", prefix, c.unsupported("listing"))
	}
	states, err := inspector.List(ctx, prefix)
	if err != nil {
		return nil, opError("list", prefix, err)
	}
	infos := make([]Info, len(states))
	for i, state := range states {
		infos[i] = infoOf(state)
	}
	return infos, nil
}

// Break forbids the holders of name any further renewal. They are told at their
// next one, and the name is free when their leases have run out: exclusion holds.
//
// Errors: ErrNotHeld when nobody holds it, ErrUnsupported, ErrInvalidName,
// ErrUnavailable, the end of ctx.
func (c *Client) Break(ctx context.Context, name string) error {
	return c.breakWith(ctx, "break", name, driver.Breaker.Break)
}

// Force frees name at once. Its holders learn of it at their next renewal and may
// go on working beside the next holder until then: only a resource that checks
// tokens is protected. Use it when they are known to be dead, and Break otherwise.
// Errors are those of Break.
func (c *Client) Force(ctx context.Context, name string) error {
	return c.breakWith(ctx, "force", name, driver.Breaker.Force)
}

func (c *Client) breakWith(ctx context.Context, op, name string, do func(driver.Breaker, context.Context, string) error) error {
	if err := checkName(name, c.traits); err != nil {
		return opError(op, name, err)
	}
	breaker, ok := c.driver.(driver.Breaker)
	if !ok {
		return opError(op, name, c.unsupported("breaking"))
	}
	if err := do(breaker, ctx, name); err != nil {
		return opError(op, name, err)
	}
	return nil
}

func (c *Client) unsupported(what string) error {
	return fmt.Errorf("%s on %s: %w", what, c.traits.Backend, ErrUnsupported)
}

func infoOf(state driver.State) Info {
	info := Info{Name: state.Name, Slots: state.Slots}
	for _, h := range state.Holders {
		holder := Holder{Owner: h.Owner, Note: h.Note, Shared: h.Mode == driver.Shared, Since: h.Since, Until: h.Until, Broken: h.Broken}
		if state.Slots == 0 {
			holder.Token = h.Token << handoffBits
		}
		info.Holders = append(info.Holders, holder)
	}
	for _, w := range state.Waiters {
		info.Waiters = append(info.Waiters, Waiter{Owner: w.Owner, Note: w.Note, Shared: w.Mode == driver.Shared, Since: w.Since})
	}
	return info
}
