// Package driver is the seam between pawl and the engines that keep its locks.
//
// Users of pawl do not need it: they pass a driver from redislock, sqlitelock
// and so on to pawl.New. Authors of drivers implement Driver, state what it can
// do in Traits, and run the suite of package drivertest against a real server.
//
// # Words
//
// A lease is what a driver grants: a holder id, a token and a time to live
// (TTL). The holder id is random and fresh for each lease; it is the only
// identity that a driver may act on. The line is the queue of those who wait
// for a name.
//
// # Order of calls
//
// The core makes a holder id, calls Acquire with it at most once at a time, and
// calls Release with the same request as soon as the lease is given up, or
// when Acquire failed in a way that leaves its outcome open. Renew is called for
// leases that Acquire granted and Release has not been called for; the two are
// never under way for the same lease at once. After Release the holder id is
// never used again. Close comes last; calls that are still under way then end
// with ErrClosed.
//
// All methods may be called by many goroutines at once.
package driver

import (
	"context"
	"time"
)

// Driver grants leases on names, as strongly as its engine can.
type Driver interface {
	// Acquire grants req or waits in line until it can.
	//
	// With req.NoWait it answers at once instead: a *HeldError when the name is
	// held or others are in line before it, and then it leaves nothing behind.
	// A driver whose Traits say FIFO never lets a request pass those that wait.
	//
	// Acquire returns soon after ctx has ended, with an error that matches
	// ctx.Err(). It need not clean up: the core follows every error that leaves
	// the outcome open with a Release under a context of its own.
	//
	// Asking again with the holder id of a lease that is still held returns that
	// lease with the same token. Asking with a holder id that Release has marked
	// (see there) gains nothing and returns ErrLost.
	//
	// The lease's Until counts from before the request was sent that proved the
	// grant: see Trust. A grant that came by standing in line is proved by one
	// more round trip, the claim, within the claim window of Traits.
	//
	// Errors: ErrHeld, ErrLost, ErrInvalidName, ErrInvalidOption (a TTL that the
	// engine cannot keep, or other slots than the name is in use with),
	// ErrUnsupported, ErrUnavailable, ErrClosed, ctx.Err().
	Acquire(ctx context.Context, req Request) (Lease, error)

	// Renew extends leases to their full TTL from now, in one round trip where
	// the engine can, and returns one Renewal for each in the same order. It acts
	// on the holder ids and never creates. It returns soon after ctx has ended;
	// what is not known by then is reported with the error that made it unknown.
	Renew(ctx context.Context, leases []Lease) []Renewal

	// Release gives the lease of req.Holder back and lets the next in line in, or
	// takes req.Holder out of the line. It acts on the holder id only: a lease of
	// anybody else is not touched. A holder that was granted while it stood in line
	// and has not claimed yet is released like any other.
	//
	// Unless it gave back a lease that an Acquire had returned, Release leaves a mark
	// for one TTL, so that an Acquire of that holder id which is still on its way
	// finds it and gains nothing: also when req.Holder was in line, or was granted in
	// line and has not claimed. When req.Holder neither holds nor waits, Release
	// returns nil. Calling it again is harmless.
	//
	// Errors: ErrUnavailable, ErrClosed, ctx.Err(). All of them leave the outcome
	// open, and the lease to its expiry.
	Release(ctx context.Context, req Request) error

	// Traits says what this driver can and cannot do. It does not change.
	Traits() Traits

	// Close frees what the driver holds on this machine. It does not release
	// leases: those that are still held run out by themselves.
	Close() error
}

// Mode says whether a lease excludes every other one of its name.
type Mode uint8

const (
	// Exclusive admits one holder. It is the zero value.
	Exclusive Mode = iota
	// Shared admits any number of shared holders and no exclusive one.
	Shared
)

// String returns "exclusive" or "shared".
func (m Mode) String() string {
	if m == Shared {
		return "shared"
	}
	return "exclusive"
}

// Request asks for one lease.
type Request struct {
	// Name is what is locked: 1 to 512 bytes of UTF-8, any character
	// included. The core has checked it. A driver stores it such that no two names
	// meet.
	Name string
	// Holder identifies the lease; random, and fresh for each one.
	Holder string
	// Owner is text for people. No decision rests on it.
	Owner string
	// Mode is Exclusive where Slots is set.
	Mode Mode
	// Slots, when not zero, makes the name a semaphore with so many permits.
	Slots int
	// TTL is how long the lease lives without renewal. The core has checked it
	// against Traits.
	TTL time.Duration
	// NoWait asks for an answer at once.
	NoWait bool
	// Note is text of the caller's for people who inspect the lock.
	Note string
}

// Lease is a granted request.
type Lease struct {
	Request
	// Token is over 0, under 1<<55, and larger than that of every earlier lease of
	// the name. The core uses the 8 bits above for its own handoffs.
	Token uint64
	// Until is the trust deadline: the local instant, with its monotonic reading,
	// until which the holder may believe in the lease.
	Until time.Time
	// Lost is nil, or is closed when a session that the lease hangs on is known to
	// be gone. Leases of one session share one channel.
	Lost <-chan struct{}
	// Ref is the driver's own.
	Ref any
}

// Renewal is the outcome of renewing one lease.
type Renewal struct {
	// Until is the new trust deadline when Err is nil.
	Until time.Time
	// Err is nil when the lease was renewed. It matches ErrLost when the lease is
	// known to be gone, or may not be renewed any more because it was broken. Any
	// other error means that the outcome is not known; the core tries again until
	// the trust deadline.
	Err error
}

// Trust returns the trust deadline of a lease of ttl whose request was sent at
// sent: ttl later, less a margin of 1 % and 2 ms for clocks that run at
// different rates. The Redlock description uses the same margin.
func Trust(sent time.Time, ttl time.Duration) time.Time {
	return sent.Add(ttl - ttl/100 - 2*time.Millisecond)
}
