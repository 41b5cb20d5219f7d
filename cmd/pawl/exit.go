package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pawl-go/pawl"
)

// Exit codes of pawl's own. Those over 63 are the ones of sysexits.h, 126 and 127
// those of the shell.
const (
	codeFailed       = 1
	codeUsage        = 64
	codeUnavailable  = 69
	codeSystem       = 71
	codeIO           = 74
	codeLost         = 75
	codeConfig       = 78
	codeCannotRun    = 126
	codeNotFound     = 127
	codeSignalOffset = 128
)

// An exitError is the end of the program: its exit code, and what to tell the
// user, which is nothing when err is nil.
type exitError struct {
	code int
	err  error
}

// Error returns what to tell the user.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns what to tell the user.
func (e *exitError) Unwrap() error { return e.err }

// exitWith is an exitError with a text of its own.
func exitWith(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// usageError says that the command line is wrong.
func usageError(format string, args ...any) error {
	return exitWith(codeUsage, format, args...)
}

// report prints err in one line and returns the exit code that goes with it.
func report(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		say("%v", err)
		return codeOf(err)
	case exit.err != nil:
		say("%v", exit.err)
	}
	return exit.code
}

// codeOf picks the exit code for an error of the library.
func codeOf(err error) int {
	usage := []error{pawl.ErrInvalidName, pawl.ErrInvalidOption, pawl.ErrUnsupported, pawl.ErrDeadlock}
	for _, known := range usage {
		if errors.Is(err, known) {
			return codeUsage
		}
	}
	switch {
	case errors.Is(err, pawl.ErrUnavailable), errors.Is(err, pawl.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return codeUnavailable
	case errors.Is(err, pawl.ErrLost):
		return codeLost
	case errors.Is(err, pawl.ErrHeld), errors.Is(err, pawl.ErrNotHeld):
		return codeFailed
	}
	var file *fs.PathError
	if errors.As(err, &file) { // stdout on a full disk
		return codeIO
	}
	return codeUnavailable
}

// say prints one line on stderr, whatever is in the text.
func say(format string, args ...any) {
	text := strings.TrimPrefix(fmt.Sprintf(format, args...), "pawl: ")
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	fmt.Fprintf(os.Stderr, "pawl: %s\n", text)
}
