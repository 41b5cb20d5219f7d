package sqlexplain

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultLockTimeout = time.Second
	DefaultMaxRows     = 10_000
)

// maxLocks is how many locks are read at most: the list is for people.
const maxLocks = 10_000

// ErrRefused means that a statement was not run, since it could not be undone.
var ErrRefused = errors.New("refused")

// Options are the settings of Explain. The zero value has every default.
type Options struct {
	// Isolation is "read-committed", "repeatable-read" or "serializable", or empty for
	// the engine's default: repeatable-read on MySQL and MariaDB, read-committed on
	// PostgreSQL.
	Isolation string
	// After are statements that run first in the same transaction.
	After []string
	// LockTimeout bounds how long a statement waits for a lock of another transaction.
	// 0 is DefaultLockTimeout. MySQL and MariaDB count whole seconds, PostgreSQL
	// milliseconds.
	LockTimeout time.Duration
	// MaxRows is how many rows a statement may read by its plan, and still be run. 0 is
	// DefaultMaxRows.
	MaxRows int64
	// Reveal makes the locks of fresh inserts visible, which InnoDB keeps implicit: by a
	// scan with FOR UPDATE SKIP LOCKED over each index of each table that the transaction
	// has written. That scan locks every free row for a moment.
	Reveal bool
}

// withDefaults returns the options with every value set, or what is wrong with one.
func (o *Options) withDefaults(engine engine) (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Isolation == "" {
		opts.Isolation = engine.defaultIsolation()
	}
	if _, ok := isolationSQL(opts.Isolation); !ok {
		return opts, fmt.Errorf("isolation %q: want read-committed, repeatable-read or serializable", opts.Isolation)
	}
	if opts.LockTimeout == 0 {
		opts.LockTimeout = DefaultLockTimeout
	}
	if unit := engine.lockTimeoutUnit(); opts.LockTimeout < unit || opts.LockTimeout%unit != 0 {
		return opts, fmt.Errorf("lock timeout %v: %s counts in units of %v, want one or more of them", opts.LockTimeout, engine.name(), unit)
	}
	if opts.MaxRows == 0 {
		opts.MaxRows = DefaultMaxRows
	}
	if opts.MaxRows < 0 {
		return opts, fmt.Errorf("max rows %d: want 1 or more", opts.MaxRows)
	}
	return opts, nil
}

// isolationSQL returns the standard's words for a level.
func isolationSQL(level string) (words string, ok bool) {
	switch level {
	case "read-committed", "repeatable-read", "serializable":
		return strings.ToUpper(strings.ReplaceAll(level, "-", " ")), true
	}
	return "", false
}
