package rowlock

import (
	"fmt"
	"time"
)

// Mode says how strongly a row is locked and how long to wait for it. The zero value is
// [Exclusive].
type Mode struct {
	strength strength
	wait     wait
	bound    time.Duration
}

// The strengths. They wait as long as the server lets them: for ever in PostgreSQL, for
// innodb_lock_wait_timeout (50 s unless set) in MySQL and MariaDB, for busy_timeout (0
// unless set) in SQLite.
var (
	// Exclusive keeps every other writer and locker out: FOR UPDATE.
	Exclusive = Mode{}
	// NoKeyUpdate is Exclusive by somebody who will not change the key, so that rows
	// which refer to this one can still be inserted: FOR NO KEY UPDATE in PostgreSQL.
	// The others have no such thing and get the stronger Exclusive.
	NoKeyUpdate = Mode{strength: noKeyUpdate}
	// Shared lets others lock the row in Shared too and keeps writers out: FOR SHARE,
	// LOCK IN SHARE MODE in MariaDB. SQLite has one write lock only and takes it.
	Shared = Mode{strength: shared}
)

type strength uint8

const (
	exclusive strength = iota
	noKeyUpdate
	shared
)

type wait uint8

const (
	asTheServer wait = iota
	noWait
	skipLocked
	bounded
)

// NoWait returns m that does not wait: a row that another has is ErrHeld at once.
func (m Mode) NoWait() Mode { return Mode{strength: m.strength, wait: noWait} }

// SkipLocked returns m that takes the first row with the key that nobody has, one at
// most, and ErrNoRow when there is none: for a table that is a queue, with a key that
// many rows share, such as state = 'new'. Which one comes first is the database's
// choice.
//
// SQLite has no rows to skip: it waits for its one write lock, and then all are free.
func (m Mode) SkipLocked() Mode { return Mode{strength: m.strength, wait: skipLocked} }

// Wait returns m that waits for d at most, and then is ErrHeld. d is rounded up to
// milliseconds; 0 or less is NoWait.
//
// In MySQL and MariaDB it bounds the whole statement, in PostgreSQL each of the waits
// that it may consist of (there can be two when several wait for one row).
func (m Mode) Wait(d time.Duration) Mode {
	if d <= 0 {
		return m.NoWait()
	}
	return Mode{strength: m.strength, wait: bounded, bound: d}
}

// millis returns the bound in milliseconds, rounded up, so that it is never 0: no bound.
func (m Mode) millis() int64 {
	return int64((m.bound + time.Millisecond - 1) / time.Millisecond)
}

// limited reports whether the caller has said how long to wait, so that a row which is
// held is an answer and no failure.
func (m Mode) limited() bool { return m.wait == noWait || m.wait == bounded }

// clause returns what ends a SELECT that locks.
func (m Mode) clause(d Dialect) string {
	if d == SQLite {
		return ""
	}
	text := " FOR UPDATE"
	switch {
	case m.strength == noKeyUpdate && d == PostgreSQL:
		text = " FOR NO KEY UPDATE"
	case m.strength == shared && d == MariaDB:
		text = " LOCK IN SHARE MODE"
	case m.strength == shared:
		text = " FOR SHARE"
	}
	switch m.wait {
	case noWait:
		text += " NOWAIT"
	case skipLocked:
		text += " SKIP LOCKED"
	}
	return text
}

// head returns what begins it, where the wait is bounded there: in MySQL by a hint, since
// innodb_lock_wait_timeout can be set for a session only and in seconds.
func (m Mode) head(d Dialect) string {
	if m.wait == bounded {
		switch d {
		case MySQL:
			return fmt.Sprintf("SELECT /*+ MAX_EXECUTION_TIME(%d) */ ", m.millis())
		case MariaDB:
			return fmt.Sprintf("SET STATEMENT max_statement_time = %d.%03d FOR SELECT ", m.millis()/1000, m.millis()%1000)
		}
	}
	return "SELECT "
}
