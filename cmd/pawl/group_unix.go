//go:build unix

package main

import (
	"errors"
	"syscall"
	"time"
)

// A group is a process group, by its id: the child and what it has started, except
// for processes that have left it for a group or session of their own.
type group int

// signal sends sig to every process of the group. It is not called when the group
// is known to be dead, because its id may be another one's then.
func (g group) signal(sig syscall.Signal) { _ = syscall.Kill(-int(g), sig) }

// end asks the group to end. CONT lets a stopped process hear of it.
func (g group) end() {
	g.signal(syscall.SIGTERM)
	g.signal(syscall.SIGCONT)
}

// alive reports whether a process of the group can still do anything.
func (g group) alive() bool {
	err := syscall.Kill(-int(g), 0)
	return !errors.Is(err, syscall.ESRCH) && g.anyRunning()
}

// destroy kills the group and waits until it is dead, or patience is over: a
// process of another user may be out of reach.
func (g group) destroy(patience time.Duration) {
	limit := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, maxPoll) {
		g.signal(syscall.SIGKILL)
		if !g.alive() || time.Now().After(limit) {
			return
		}
		time.Sleep(pause)
	}
}
