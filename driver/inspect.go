package driver

import (
	"context"
	"time"
)

// Inspector is a Driver that can tell who holds and who waits.
type Inspector interface {
	// Inspect returns the state of name; a state without holders and waiters when
	// nobody uses it. What it returns may be over by the time it is read.
	Inspect(ctx context.Context, name string) (State, error)
	// List returns the state of every name in use that begins with prefix, sorted
	// by name.
	List(ctx context.Context, prefix string) ([]State, error)
}

// Breaker is a Driver that can take a lock from its holders.
type Breaker interface {
	// Break forbids the holders of name any further renewal: they are told at their
	// next one, and the name is free when their leases run out. ErrNotHeld when
	// nobody holds it.
	Break(ctx context.Context, name string) error
	// Force frees name at once, while its holders may still believe that they hold
	// it; only their lower tokens tell them from the next holder. ErrNotHeld when
	// nobody holds it.
	Force(ctx context.Context, name string) error
}

// State is who uses a name.
type State struct {
	Name string
	// Slots is the number of permits of a semaphore, 0 otherwise.
	Slots   int
	Holders []Holder
	// Waiters are in the order in which they will be granted, where the engine has
	// an order.
	Waiters []Waiter
}

// Holder is a lease that has not run out.
type Holder struct {
	Holder string
	Owner  string
	Note   string
	Mode   Mode
	Token  uint64
	// Since and Until are the engine's time of the grant and of the expiry.
	Since, Until time.Time
	// Broken: the lease may not be renewed any more.
	Broken bool
}

// Waiter is a request in line.
type Waiter struct {
	Holder string
	Owner  string
	Note   string
	Mode   Mode
	// Since is the engine's time of the request.
	Since time.Time
}
