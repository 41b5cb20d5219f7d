package pawl

import (
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Observer is told what happens to the locks of a client, for metrics and traces.
type Observer interface {
	// Observe is called by the goroutine in which the event happened, often the one
	// that takes or gives back the lock. It must return soon and must not call the
	// client.
	Observe(Event)
}

// ObserverFunc is a function that is an Observer.
type ObserverFunc func(Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }

// EventKind says what happened.
type EventKind uint8

const (
	// WaitBegun: the lock is held by others; the caller stands in line from now on.
	WaitBegun EventKind = iota + 1
	// WaitEnded: the caller left the line after Duration, with the lock when Err is
	// nil.
	WaitEnded
	// Acquired: a lease was granted; asking and waiting took Duration.
	Acquired
	// HandedOn: a lease passed to the caller from another goroutine of this client,
	// or is shared with one; asking and waiting took Duration.
	HandedOn
	// Renewed: the lease was renewed; the round trip took Duration.
	Renewed
	// RenewalFailed: Err left it open whether the lease was renewed; it is tried again
	// until the trust deadline. The attempt took Duration.
	RenewalFailed
	// Lost: the lock's lease is gone for the reason Err, Duration after its grant.
	Lost
	// Released: the lock was unlocked, Duration after its caller got it. Err is not
	// nil when the backend has not confirmed it.
	Released
)

var eventKinds = [...]string{"", "wait begun", "wait ended", "acquired", "handed on", "renewed", "renewal failed", "lost", "released"}

// String returns the kind in words, as in "wait begun".
func (k EventKind) String() string { return eventKinds[k] }

// Event is one step in the life of a lock.
type Event struct {
	Kind EventKind
	// Name is the lock.
	Name string
	// Shared and Slots say what was asked for.
	Shared bool
	Slots  int
	// Token is the fencing token, 0 before there is one. For Renewed, RenewalFailed
	// and Lost, which concern the lease, it is the one with which the lease began.
	Token uint64
	// Duration is described with each kind.
	Duration time.Duration
	// Err is described with each kind.
	Err error
}

// observe tells the observer, if there is one. It is called without locks held.
func (c *Client) observe(kind EventKind, req *driver.Request, token uint64, since time.Time, err error) {
	if c.opts.Observer == nil {
		return
	}
	event := Event{Kind: kind, Name: req.Name, Shared: req.Mode == driver.Shared, Slots: req.Slots, Token: token, Err: err}
	if !since.IsZero() {
		event.Duration = time.Since(since)
	}
	c.opts.Observer.Observe(event)
}
