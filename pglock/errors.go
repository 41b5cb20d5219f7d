package pglock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
)

// The SQLSTATEs that matter here.
const (
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateLockTimeout   = "55P03"
	stateReadOnly      = "25006"
	statePrivilege     = "42501"
	stateNoTable       = "42P01"
	stateNoSetting     = "42704"
	stateNoDatabase    = "3D000"
	stateBadPassword   = "28P01"
	stateBadUser       = "28000"
)

// errRowLocked: whoever has locked a row of the tables does not give it back.
var errRowLocked = errors.New("somebody else keeps a row of the lock tables locked")

// sqlState returns the SQLSTATE of err, or "".
func sqlState(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}

// again reports whether err says that the transaction did nothing, and might succeed if
// it was run again.
func again(err error) bool {
	switch sqlState(err) {
	case stateSerialization, stateDeadlock, stateLockTimeout:
		return true
	}
	return false
}

// invalid is the error for something that the caller has to change.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}

// failure marks a failure of the server or of the way to it. The end of ctx, a context
// of the driver's own, must not look like the end of the caller's.
func (t *table) failure(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, driver.ErrClosed) || errors.Is(err, driver.ErrNotHeld):
		return err
	case sqlState(err) == stateLockTimeout:
		return fmt.Errorf("%w: %w: %s", driver.ErrUnavailable, errRowLocked, oneLine(err))
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %v: %w", t.timeout, driver.ErrUnavailable)
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %s", driver.ErrUnavailable, oneLine(err))
}

// oneLine returns the text of err without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// explain says what went wrong at the first contact.
func explain(ctx context.Context, err error) error {
	switch state := sqlState(err); {
	case err == nil || errors.Is(err, driver.ErrInvalidOption):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case state == stateBadPassword || state == stateBadUser:
		return invalid("wrong user or password: %s", message(err))
	case state == stateNoDatabase:
		return invalid("%s", message(err))
	case state == stateNoSetting:
		return invalid("unknown connection parameter: %s", message(err))
	case state == stateReadOnly:
		return invalid("this server takes no writes: %s", message(err))
	case state == statePrivilege:
		return invalid("%s", message(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer in time", driver.ErrUnavailable)
	}
	return unavailable(err)
}

// message returns what the server said, without the connection's details.
func message(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Message
	}
	return oneLine(err)
}
