package driver

import (
	"errors"
	"time"
)

// The errors that a driver returns, wrapped as it likes. Package pawl exports
// them under the same names.
var (
	// ErrHeld: somebody else holds the name, or is in line before.
	ErrHeld = errors.New("held")
	// ErrLost: the lease is gone, or may not be renewed any more.
	ErrLost = errors.New("lost")
	// ErrNotHeld: there is nothing to break.
	ErrNotHeld = errors.New("not held")
	// ErrClosed: the driver was closed.
	ErrClosed = errors.New("closed")
	// ErrUnsupported: the engine cannot do this.
	ErrUnsupported = errors.New("unsupported")
	// ErrInvalidName: the engine cannot take this name.
	ErrInvalidName = errors.New("invalid name")
	// ErrInvalidOption: a value that the engine cannot keep, or other slots than
	// the name is in use with.
	ErrInvalidOption = errors.New("invalid option")
	// ErrUnavailable: the engine does not answer, or not as it should. The outcome
	// of the call is open.
	ErrUnavailable = errors.New("backend unavailable")
)

// HeldError is the answer to a request with NoWait for a name that is held. It
// matches ErrHeld. A field that the engine cannot tell is zero.
type HeldError struct {
	Owner string
	Since time.Time
	Until time.Time
}

// Error returns "held" and the owner.
func (e *HeldError) Error() string {
	if e.Owner == "" {
		return "held"
	}
	return "held by " + e.Owner
}

// Is reports whether target is ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }
