//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A terminal is the one that controls this session. Only its foreground group may
// read it and gets its Ctrl-C. The nil terminal, when there is none, does nothing.
type terminal struct {
	fd   int
	ours int  // pawl's own group
	lent bool // to the child's group
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &terminal{fd: fd, ours: unix.Getpgrp()}
}

// lendAtStart lends the terminal to g when the command is meant for it as a whole.
// In a pipeline it is not: in "pawl run x -- report | less", less must keep the
// terminal. The child can still have it when it asks, by reading.
func (t *terminal) lendAtStart(g group) {
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
		t.lend(g)
	}
}

// lend makes g the foreground group, if this process's is, or g itself already.
func (t *terminal) lend(g group) bool {
	if t == nil {
		return false
	}
	front, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil || front != t.ours && front != int(g) {
		return false
	}
	t.lent = t.setFront(int(g)) == nil
	return t.lent
}

// close takes the terminal back if it was lent.
func (t *terminal) close() {
	if t == nil {
		return
	}
	if t.lent {
		_ = t.setFront(t.ours)
	}
	_ = unix.Close(t.fd)
}

func (t *terminal) setFront(group int) error {
	return unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group)
}
