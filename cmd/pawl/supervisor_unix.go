//go:build unix

package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/pawl-go/pawl"
)

const (
	// settle is how long what the command leaves behind may take to end by itself, as
	// a tee at the end of a pipe does. Long enough for that on a busy machine, and
	// nobody notices it.
	settle = 250 * time.Millisecond
	// minPoll and maxPoll bound how often the group is looked at when no SIGCHLD can
	// tell of its end.
	minPoll, maxPoll = 2 * time.Millisecond, 50 * time.Millisecond
	// maxWatchdogs bounds how often a watchdog that was killed is replaced.
	maxWatchdogs = 5
)

// A supervisor watches over the child and the locks that it runs under. One
// goroutine does it all, so that no signal is sent to a group that is gone.
type supervisor struct {
	*runner
	locks     *pawl.Locks
	group     group
	guard     *watchdog
	watchdogs int
	tty       *terminal
	wantsTTY  bool // stopped because it is not in the foreground
	poll      time.Duration

	ended  bool // the child; others of the group may live
	endAt  time.Time
	status syscall.WaitStatus

	lost   error     // why the locks cannot be relied on any more
	termed bool      // the group was told to end
	killAt time.Time // when it is killed; zero while it may live
}

// start starts the child, when everything that watches it is ready.
func (s *supervisor) start() error {
	adoptOrphans()
	env := environ(s.locks.All(), s.names, s.rawURL, heldText(s.outer, identity(s.rawURL), s.names))
	child, err := newStarter(s.prog, env)
	if err != nil {
		return err
	}
	s.group = child.group()
	if s.guard, err = newWatchdog(s.group, s.deadline(s.locks)); err != nil {
		child.abandon()
		return err
	}
	s.tty = openTerminal()
	s.tty.lendAtStart(s.group)
	s.box.catchAll()
	ignoreHindrances()
	if err = s.mayStart(); err != nil {
		child.abandon()
	} else {
		err = child.release(s.prog)
	}
	if err != nil {
		s.guard.dismiss()
		s.guard.bury()
	}
	return err
}

// mayStart returns why the child should not run after all.
func (s *supervisor) mayStart() error {
	var sig signalError
	if errors.As(s.box.pending(), &sig) {
		return sig.exit("starting the command")
	}
	if s.locks.Context().Err() != nil {
		return exitWith(s.lostCode, "%s lost before the command was started: %w", s.naming(), context.Cause(s.locks.Context()))
	}
	return nil
}

// watch returns when the whole group is dead.
func (s *supervisor) watch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	gone := s.locks.Context().Done()
	s.poll = minPoll
	for {
		s.reap()
		if s.ended && s.dead() {
			return
		}
		s.enforce()
		timer.Reset(s.next())
		select {
		case sig := <-s.box.signals:
			s.group.signal(sig.(syscall.Signal))
		case <-s.box.children:
		case <-s.renewed:
			s.guard.extend(s.deadline(s.locks))
		case <-gone:
			gone = nil
			s.lose(context.Cause(s.locks.Context()))
		case <-timer.C:
		}
	}
}

// dead reports whether nothing is left of the group, nor of groups of a "pawl run"
// in it that was killed.
func (s *supervisor) dead() bool { return !s.group.alive() && !othersWatched(s.guard.pid) }

// next is how long there is nothing to do without a signal.
func (s *supervisor) next() time.Duration {
	wait := time.Hour
	if s.lost == nil {
		wait = time.Until(s.deadline(s.locks).Add(-s.grace))
	}
	if !s.killAt.IsZero() && !passed(s.killAt) {
		wait = min(wait, time.Until(s.killAt))
	}
	if s.ended || s.wantsTTY {
		wait = min(wait, s.poll)
		s.poll = min(2*s.poll, maxPoll)
	}
	return max(wait, minPoll)
}

// reap buries the children that have ended, those that were adopted included.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return
		case pid == int(s.group) && status.Stopped():
			s.stopped(status.StopSignal())
		case pid == int(s.group) && (status.Exited() || status.Signaled()):
			s.ended, s.endAt, s.status = true, time.Now(), status
		case pid == s.guard.pid:
			s.replaceWatchdog()
		}
	}
}

var errTooOften = errors.New("it was killed too often")

// replaceWatchdog starts a watchdog in place of one that somebody has killed.
func (s *supervisor) replaceWatchdog() {
	if s.ended && !s.group.alive() {
		return
	}
	s.guard.pipe.Close()
	s.guard.pid = noProcess
	err := errTooOften
	var guard *watchdog
	if s.watchdogs++; s.watchdogs <= maxWatchdogs {
		guard, err = newWatchdog(s.group, s.deadline(s.locks))
	}
	if err != nil {
		say("the watchdog was killed and cannot be replaced: %v", err)
		return
	}
	s.guard = guard
}

// stopped does what is to be done about a child that a signal has stopped. One that
// was stopped with STOP stays so: somebody has meant it.
func (s *supervisor) stopped(by syscall.Signal) {
	switch by {
	case syscall.SIGTSTP:
		say("a command that holds a lock cannot be suspended; it goes on")
		s.group.signal(syscall.SIGCONT)
	case syscall.SIGTTIN, syscall.SIGTTOU:
		if s.wantsTTY = !s.tty.lend(s.group); s.wantsTTY {
			say("the command waits for the terminal; bring it to the foreground")
			return
		}
		s.group.signal(syscall.SIGCONT)
	}
}

// enforce does what is due.
func (s *supervisor) enforce() {
	if s.wantsTTY && s.tty.lend(s.group) {
		s.wantsTTY = false
		s.group.signal(syscall.SIGCONT)
	}
	end := s.deadline(s.locks)
	if s.lost == nil && passed(end.Add(-s.grace)) {
		s.lose(errNotRenewed)
	}
	if s.ended && !s.termed && time.Since(s.endAt) >= settle && s.group.alive() {
		say("the command has left processes behind; ending them before %s is given back", s.naming())
		s.end(time.Now().Add(s.grace))
	}
	if !s.killAt.IsZero() && passed(s.killAt) || s.lost != nil && passed(end) {
		s.group.signal(syscall.SIGKILL)
	}
}

var errNotRenewed = errors.New("it could not be renewed and runs out soon")

// lose ends the group because the locks cannot be relied on any more, and before
// anybody else can have them, as far as that can be known: at the trust deadline at
// the latest. There is no way back, even if a late renewal still succeeds.
func (s *supervisor) lose(reason error) {
	if s.lost != nil {
		return
	}
	s.lost = reason
	say("%s: %v; ending the command", s.naming(), reason)
	end := s.deadline(s.locks)
	if t := time.Now().Add(s.grace); t.Before(end) {
		end = t
	}
	s.end(end)
}

// end tells the group to end, and has it killed at killAt if it does not.
func (s *supervisor) end(killAt time.Time) {
	if s.killAt.IsZero() || killAt.Before(s.killAt) {
		s.killAt = killAt
	}
	if !s.termed {
		s.termed = true
		s.group.end()
	}
}

// fate is what has become of a command whose locks were lost unnoticed: when pawl
// itself was stopped, the watchdog has killed it.
func (s *supervisor) fate() string {
	if s.status.Signal() == syscall.SIGKILL {
		return "was killed"
	}
	return "had ended already"
}

// exit returns the end of pawl, after unlocking has ended with unlockErr.
func (s *supervisor) exit(unlockErr error) error {
	switch {
	case s.lost != nil:
		return &exitError{code: s.lostCode}
	case errors.Is(unlockErr, pawl.ErrLost):
		return exitWith(s.lostCode, "%w; the command %s", unlockErr, s.fate())
	case unlockErr != nil:
		say("%v", unlockErr)
	}
	code := s.status.ExitStatus()
	if s.status.Signaled() {
		code = codeSignalOffset + int(s.status.Signal())
	}
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}
