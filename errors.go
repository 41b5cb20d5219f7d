package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Errors that errors.Is finds in what this package returns. Their texts are the
// reason alone; the operation and the lock's name are wrapped around them.
var (
	// ErrHeld: somebody else holds the lock, and the caller did not want to wait,
	// or not any longer. It comes as a *HeldError.
	ErrHeld = driver.ErrHeld
	// ErrLost: the lock was held and is not any more, or may not be believed in any
	// more: its lease ran out, was broken, or went with its session.
	ErrLost = driver.ErrLost
	// ErrNotHeld: the lock was unlocked before, or nobody holds it.
	ErrNotHeld = driver.ErrNotHeld
	// ErrClosed: the client is closed.
	ErrClosed = driver.ErrClosed
	// ErrDeadlock: the request would wait for a lock that its own context holds.
	ErrDeadlock = errors.New("would wait for itself")
	// ErrUnsupported: the backend cannot do this.
	ErrUnsupported = driver.ErrUnsupported
	// ErrInvalidName: empty, over 512 bytes, not UTF-8, or refused by the backend.
	ErrInvalidName = driver.ErrInvalidName
	// ErrInvalidOption: an option out of range, or other slots than the name is in
	// use with.
	ErrInvalidOption = driver.ErrInvalidOption
	// ErrUnavailable: the backend does not answer, or not as it should.
	ErrUnavailable = driver.ErrUnavailable
)

// HeldError says who holds the lock that could not be had. It matches ErrHeld. A
// field that the backend cannot tell is zero.
type HeldError struct {
	// Name is the lock.
	Name string
	// Owner is the holder's text for people.
	Owner string
	// Since is when the holder got the lock.
	Since time.Time
	// Until is when its lease runs out unless it is renewed.
	Until time.Time
}

// Error returns one line that names the lock and, where known, its holder.
func (e *HeldError) Error() string {
	text := fmt.Sprintf("pawl: lock %q: held", e.Name)
	if e.Owner != "" {
		text += " by " + e.Owner
	}
	if !e.Since.IsZero() {
		text += " since " + e.Since.Format(time.RFC3339)
	}
	return text
}

// Is reports whether target is ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// opError names the operation and the lock, once.
func opError(op, name string, err error) error {
	return fmt.Errorf("pawl: %s %q: %w", op, name, err)
}

// endOf returns why ctx ended: its error, and its cause where that says more.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// refused reports whether err says for certain that nothing was granted and
// nobody was put in line. After any other error the outcome is open.
func refused(err error) bool {
	for _, known := range []error{ErrHeld, ErrUnsupported, ErrInvalidName, ErrInvalidOption} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
