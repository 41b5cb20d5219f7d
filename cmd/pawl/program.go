package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
)

// program is what the child executes.
type program struct {
	path string
	argv []string
}

// program finds what to run. It is asked for before the lock is, so that nobody
// waits in line for a command that does not exist.
func (o *runOptions) program() (program, error) {
	argv := o.command
	if o.shellSet {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		argv = []string{shell, "-c", o.shell}
	}
	path, err := exec.LookPath(argv[0])
	if err == nil || errors.Is(err, exec.ErrDot) { // the user's PATH says so, as for any other command
		return program{path, argv}, nil
	}
	return program{}, programError(argv[0], err)
}

// programError tells a program that is missing from one that cannot be run.
func programError(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exitWith(codeNotFound, "command %q: not found", name)
	}
	var execErr *exec.Error
	if errors.As(err, &execErr) {
		err = execErr.Err
	}
	return exitWith(codeCannotRun, "command %q: cannot be run: %w", name, err)
}
