// Package sqlsession keeps locks that belong to sessions of a SQL server: advisory
// locks of PostgreSQL, and GET_LOCK of MySQL and MariaDB. It is what pglock and
// mysqllock have in common in session mode; each brings a Server, which knows the
// statements.
//
// A session is one connection. Locks that are free when they are asked for are tried
// on few sessions, many in one statement. Whoever has to wait has a session to
// itself and stands in the server's own line.
//
// To the server a lock belongs to a session and not to a lease, and a session may take
// a lock again that it has. So the engine never brings two leases of one name together on
// one session, and gives back by itself what was not renewed.
//
// The server ends a session from which nothing comes for as long as the TTL. All leases
// of a session have the same TTL, as the server rounds it, so that one keep-alive
// statement renews them all, and none outlives a holder that has died.
package sqlsession

import (
	"context"
	"errors"
	"time"
)

// A Lock is what the server knows of a name.
type Lock struct {
	// Key is the name as the server has it. Names with the same key are one lock.
	Key string
	// Shared asks for a shared lock.
	Shared bool
}

// A Batch is what one statement does, in this order.
type Batch struct {
	// Timeout, when not zero, is how long the server waits for the next statement
	// from now on before it ends the session.
	Timeout time.Duration
	// Unlock are locks to give back. One that the session does not have is an error.
	Unlock []Lock
	// Try are locks to take if that is possible at once.
	Try []Lock
	// Tokens are filled in for Try: the token of each, or 0 for a lock that is held.
	Tokens []uint64
}

// Waiting is what one session waits for.
type Waiting struct {
	Lock
	// Window is how long the server waits for a sign of life after the grant.
	Window time.Duration
	// Holder, Owner and Note are for those who inspect.
	Holder, Owner, Note string
}

// Conn is one session. Its methods are called one at a time, but for Close, which may
// come at any time and ends what is under way.
type Conn interface {
	// Do sends b and fills it in, in one round trip. It proves that the session is the
	// same as ever, and with it its locks. It takes timeout at most.
	//
	// After an error nothing is known of the session's locks, and it has to be closed.
	// ErrGone says that the connection had ended.
	Do(b *Batch, timeout time.Duration) error
	// Wait takes a lock when its turn comes, and returns its token. ErrInterrupted says
	// that Server.Cancel has ended it, and that the session is as it was before; any
	// other error is as for Do.
	Wait(w *Waiting) (uint64, error)
	// Gone is closed when the connection has ended.
	Gone() <-chan struct{}
	// Close ends the session, and with it its locks.
	Close()
	// Abandon leaves the session to the server's timeout: only the socket stays, until
	// Close.
	Abandon()
}

// Server makes sessions.
type Server interface {
	// Connect makes a session. owner is text for those who inspect.
	Connect(ctx context.Context, owner string) (Conn, error)
	// Cancel ends the Wait of a session.
	Cancel(ctx context.Context, conn Conn) error
	// Key returns what the server calls the lock called name.
	Key(name string) string
	// Timeout returns the shortest timeout that the server can keep for leases of ttl.
	Timeout(ttl time.Duration) time.Duration
}

var (
	// ErrGone: the connection has ended, and the session's locks with it.
	ErrGone = errors.New("the database session has ended")
	// ErrInterrupted: a Wait was cancelled, and nothing was granted.
	ErrInterrupted = errors.New("interrupted")
)

// Options are the settings of an Engine.
type Options struct {
	// Shared says that the server has shared locks.
	Shared bool
	// MinTTL and MaxTTL bound the TTL of a lease.
	MinTTL, MaxTTL time.Duration
	// Timeout bounds one statement, and one connecting.
	Timeout time.Duration
	// Waiters is how many connections may wait in the server's line. Who comes beyond
	// that tries again and again.
	Waiters int
	// Window is how long one that was granted in line has time to say so.
	Window time.Duration
}
