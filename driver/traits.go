package driver

import "time"

// Scope is how far a driver's locks reach.
type Scope uint8

const (
	// Process: the goroutines of one process.
	Process Scope = iota
	// Host: the processes of one machine.
	Host
	// Network: every machine that reaches the server.
	Network
)

// String returns "process", "host" or "network".
func (s Scope) String() string {
	return [...]string{"process", "host", "network"}[s]
}

// Traits says what a driver can and cannot do. The core refuses what it cannot
// with ErrUnsupported or ErrInvalidOption, and package drivertest tests what it
// says it can.
type Traits struct {
	// Backend is the engine's name for people, as in "sqlite".
	Backend string
	// Scope is how far the locks reach.
	Scope Scope

	// FIFO: waiters are granted in the order of their requests.
	FIFO bool
	// Shared: shared leases are supported.
	Shared bool
	// Slots: semaphores are supported.
	Slots bool
	// Wakes: a release wakes the next in line. Otherwise waiters poll.
	Wakes bool
	// Durable: tokens rise across a restart of the engine.
	Durable bool

	// MinTTL and MaxTTL bound the TTL of a lease; 0 means no bound.
	MinTTL, MaxTTL time.Duration
	// FixedTTL, when not zero, is the TTL of every lease, set by the server. A
	// request for another one is an error.
	FixedTTL time.Duration
	// Precision is how late after its TTL an abandoned lease may pass to somebody
	// who waits.
	Precision time.Duration
	// ClaimWindow is how long a waiter that was granted has time to claim before the
	// lease passes to the next.
	ClaimWindow time.Duration

	// CheckName, when not nil, returns why the engine cannot take a name that is
	// otherwise valid, or nil.
	CheckName func(name string) error
}
