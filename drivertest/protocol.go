package drivertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// A command is one line of JSON on a worker's standard input.
type command struct {
	ID int    `json:"id"`
	Do string `json:"do"` // one of tasks
	// Request is what lock, acquire, unlock, release and lost are about. Its holder id
	// is how a lock is called later, too.
	Request driver.Request `json:"request,omitzero"`
	// Load and History are what load does, and the file that it is recorded in.
	// Driver is for a load through the bare driver.
	Load    load   `json:"load,omitzero"`
	History string `json:"history,omitempty"`
	Driver  bool   `json:"driver,omitempty"`
}

// A report is one line of JSON on a worker's standard output: what became of the
// command with that ID. The first, with ID 0, says that the worker is ready.
type report struct {
	ID    int      `json:"id"`
	Error string   `json:"error,omitempty"`
	Is    []string `json:"is,omitempty"` // which of sentinels the error matches
	Token uint64   `json:"token,omitempty"`
	// Until is the trust deadline and At the time of the report, on history.Host.
	Until time.Duration `json:"until,omitempty"`
	At    time.Duration `json:"at,omitempty"`
	// CPU is the processor time that the worker has used.
	CPU time.Duration `json:"cpu,omitempty"`
}

var sentinels = map[string]error{
	"held": pawl.ErrHeld, "lost": pawl.ErrLost, "not held": pawl.ErrNotHeld, "closed": pawl.ErrClosed,
	"unavailable": pawl.ErrUnavailable,
}

// fail puts err, which may be nil, into r.
func (r *report) fail(err error) {
	if err == nil {
		return
	}
	r.Error = err.Error()
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			r.Is = append(r.Is, name)
		}
	}
}

// err returns the error that fail has put into r.
func (r report) err() error {
	if r.Error == "" {
		return nil
	}
	errs := []error{errors.New(r.Error)}
	for _, name := range r.Is {
		errs = append(errs, sentinels[name])
	}
	return fmt.Errorf("in a worker process: %w", errors.Join(errs...))
}
