// Package dedupe deletes duplicate rows from a table that is in use: in bounded
// batches, with one row of each group kept whatever the application writes meanwhile.
//
// The database does all comparing, with its own collations. A batch is one short
// transaction: it locks its rows by primary key, ranks them in a new statement, copies
// what goes into the backup table and deletes it by primary key. A row is only ever
// deleted while a better one of its group is locked by the same transaction.
package dedupe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors that errors.Is matches.
var (
	// ErrUsage is a Job that asks for what cannot be: a wrong URL, no such column.
	ErrUsage = errors.New("wrong usage")
	// ErrRefused is a table or a server on which dedupe does not work as it is. The text
	// says what to change.
	ErrRefused = errors.New("refused")
	// ErrStale means that a later holder of the lock has begun to work.
	ErrStale = errors.New("another instance works with a newer fencing token")
	// ErrStopped is the end that was asked for, between two batches. The same job goes on
	// from there when it is run again.
	ErrStopped = errors.New("stopped")
)

// Keep is which row of a group stays.
type Keep string

// The rows that may stay: the first or the last by Job.OrderBy and then by primary key.
// NULL comes before every value.
const (
	Oldest Keep = "oldest"
	Newest Keep = "newest"
)

// OnReference is what to do with a duplicate that a foreign key points at.
type OnReference string

// What can be done with it: stop before anything is deleted, point the foreign key at
// the row that stays, or leave the duplicate where it is.
const (
	Refuse  OnReference = "refuse"
	Repoint OnReference = "repoint"
	Skip    OnReference = "skip"
)

// Bounds of Job.Batch. A group has two rows, and a statement takes 32,766 parameters on
// SQLite, the lowest of the four engines.
const (
	MinBatch = 2
	MaxBatch = 10000
)

// Job is what to clean up, and how.
type Job struct {
	URL     string // of the database: mysql://, postgres:// or sqlite://
	Table   string // with or without a schema before a dot
	Key     []string
	Keep    Keep
	OrderBy string // "" is the primary key
	// Batch is how many rows a transaction locks at most, MinBatch to MaxBatch. It deletes
	// fewer, since one of each group stays.
	Batch int
	// Every is the time from the start of one batch to that of the next; 0 is no pause.
	Every          time.Duration
	BackupTable    string // "" means that there is none
	IncludeNull    bool   // NULL equals NULL
	AddUniqueIndex bool
	OnReference    OnReference // "" is Refuse

	// Progress is called from the goroutine of Run, at every step. nil is nobody.
	Progress func(Status)
}

// Check returns ErrUsage for a job that no database could do.
func (j *Job) Check() error {
	switch {
	case j.Table == "":
		return usage("no table: want --table")
	case len(j.Key) == 0 || slices.Contains(j.Key, ""):
		return usage("no key: want --key with the columns that make two rows duplicates, parted by commas")
	case j.Keep != Oldest && j.Keep != Newest:
		return usage("keep %q: want oldest or newest", j.Keep)
	case j.Batch < MinBatch || j.Batch > MaxBatch:
		return usage("batch of %d rows: want %d to %d", j.Batch, MinBatch, MaxBatch)
	case j.Every < 0:
		return usage("a pause of %v: want 0 or more", j.Every)
	case !slices.Contains([]OnReference{"", Refuse, Repoint, Skip}, j.OnReference):
		return usage("on reference %q: want refuse, repoint or skip", j.OnReference)
	}
	for i, name := range j.Key {
		if slices.ContainsFunc(j.Key[:i], func(other string) bool { return strings.EqualFold(name, other) }) {
			return usage("key column %q is named twice", name)
		}
	}
	return checkURL(j.URL)
}

func usage(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrUsage)...)
}

func refused(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrRefused)...)
}
