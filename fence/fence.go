// Package fence checks fencing tokens on the protected side: where the data is.
//
// A lock is a lease. A holder that is paused past its lease (a long garbage
// collection, a suspended machine, SIGSTOP) wakes up believing that it still holds
// the lock, and no lock can stop the write that it sends next. The resource can: it
// remembers the largest token that has written, and refuses a smaller one.
//
//   - [SQL] guards one row of a table that has a column for the token: check and
//     write are one statement.
//   - [SideTable] guards anything that a transaction touches: it keeps the tokens in
//     a table of its own.
//   - [Redis] guards a key: check and command are one script.
//   - [HTTP] is middleware that refuses requests with an older Fencing-Token header.
//
// A token is a number from 1 to 1<<63-1, larger for every later holder, such as
// pawl's Lock.Token. An equal token is the same holder writing again and is let in.
// Zero is no token: pawl gives it for slots, where several holders are valid at once
// and none is older than the others.
//
// # Read after the first check
//
// What a holder writes mostly rests on what it has read under the lock. A resource
// that sees the token with the write only can still let an older write in between
// that read and that write, since nobody with a newer token has been there yet. So
// show it the token before reading: [SQL.Check], then read, then [SQL.Update]; with a
// [SideTable], read in the transaction that was checked; over [HTTP], send the token
// with the GET too. A write that rests on no read, such as num = num - 1, can do
// without.
//
// The package needs neither pawl nor anything else outside the standard library.
package fence

import (
	"errors"
	"fmt"
	"math"
)

// Errors that errors.Is finds in what this package returns.
var (
	// ErrStale: a holder with a newer token has been here. Nothing was changed.
	// Whoever gets it has lost the lock and must not repeat the write under the same
	// token.
	ErrStale = errors.New("stale fencing token")
	// ErrNoToken: the token is 0 or missing, so there is nothing to compare. A lock
	// with slots has no token.
	ErrNoToken = errors.New("no fencing token")
	// ErrInvalidToken: over 1<<63-1, which no database's integer column holds, or
	// not a number.
	ErrInvalidToken = errors.New("invalid fencing token")
	// ErrNoRow: there is no row with this key, so nothing was changed.
	ErrNoRow = errors.New("no such row")
)

// checkToken returns why token cannot be compared.
func checkToken(token uint64) error {
	switch {
	case token == 0:
		return fmt.Errorf("%w: token 0 (a lock with slots has none)", ErrNoToken)
	case token > math.MaxInt64:
		return fmt.Errorf("%w: %d, want at most %d", ErrInvalidToken, token, int64(math.MaxInt64))
	}
	return nil
}

// stale names the two tokens that were compared.
func stale(token, stored uint64) error {
	return fmt.Errorf("%w: %d is older than %d", ErrStale, token, stored)
}
