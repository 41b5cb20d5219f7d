package rowlock

import (
	"errors"
	"fmt"

	"github.com/pawl-go/pawl/driver"
)

// Errors that errors.Is finds in what this package returns.
var (
	// ErrHeld: another transaction has the row, and the caller did not want to wait, or
	// not any longer. It is pawl.ErrHeld.
	ErrHeld = driver.ErrHeld
	// ErrConflict: another transaction was faster, every time. Nothing was changed; the
	// whole, from its first read, may be run again.
	ErrConflict = errors.New("conflict")
	// ErrRefused: the row is there and the condition does not hold. Nothing was changed;
	// repeating it makes no sense before the row has changed.
	ErrRefused = errors.New("refused")
	// ErrNoRow: there is no row with this key, or, with SkipLocked, none that is free.
	ErrNoRow = errors.New("no such row")
	// ErrNoIndex: the table has no index that serves the key, so that the database would
	// go through every row. Nothing was locked.
	ErrNoIndex = errors.New("no index")
	// ErrAmbiguous: the connection was lost before the reply to a write or a COMMIT came,
	// so that it may have happened or not. Look before doing it again.
	ErrAmbiguous = errors.New("outcome unknown")
)

// opError names the operation and the row, once.
func opError(op string, row Row, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rowlock: %s %s: %w", op, row, err)
}
