//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
)

// A starter is a process in a group of its own that becomes the child when it is
// told to. In between, the watchdog and the terminal learn of the group: there is no
// moment in which the child could outlive pawl unseen.
type starter struct {
	pid     int
	start   *os.File // a byte here tells it to go on, its end to give up
	verdict *os.File // an error number, or the end when it has become the child
}

func newStarter(prog program, env []string) (*starter, error) {
	startR, startW, err := os.Pipe()
	if err != nil {
		return nil, systemError(err)
	}
	defer startR.Close()
	verdictR, verdictW, err := os.Pipe()
	if err != nil {
		startW.Close()
		return nil, systemError(err)
	}
	defer verdictW.Close()
	args := append([]string{starterArg, prog.path}, prog.argv...)
	pid, err := startHelper("pawl", args, []*os.File{startR, verdictW}, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	s := &starter{pid, startW, verdictR}
	if err != nil {
		s.closePipes()
		return nil, startError(prog, err)
	}
	return s, nil
}

func (s *starter) group() group { return group(s.pid) }

func (s *starter) closePipes() {
	s.start.Close()
	s.verdict.Close()
}

// release lets the starter become the child and returns why it could not.
func (s *starter) release(prog program) error {
	defer s.closePipes()
	if _, err := s.start.Write([]byte{1}); err != nil {
		return nil // it was killed; its end will tell
	}
	text, _ := io.ReadAll(s.verdict)
	if len(text) == 0 {
		return nil
	}
	errno, _ := strconv.Atoi(string(text))
	bury(s.pid)
	return startError(prog, syscall.Errno(errno))
}

// abandon ends the starter before it has become anything.
func (s *starter) abandon() {
	s.closePipes()
	bury(s.pid)
}

// startError says why there is no child.
func startError(prog program, err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) {
		return systemError(err)
	}
	return programError(prog.argv[0], err)
}

func systemError(err error) error {
	return exitWith(codeSystem, "no process could be started: %w", err)
}

// becomeChild is the starter's program. Its arguments are the two pipes, the path and
// the argv of the child.
func becomeChild(args []string) int {
	if len(args) < 4 {
		return codeUsage
	}
	start, verdict := inherited(args[0]), inherited(args[1])
	if start == nil || verdict == nil {
		return codeUsage
	}
	if n, _ := start.Read(make([]byte, 1)); n == 0 {
		return codeSystem // pawl is gone or has changed its mind
	}
	err := execute(args[2], args[3:])
	var errno syscall.Errno
	errors.As(err, &errno)
	_, _ = verdict.WriteString(strconv.Itoa(int(errno)))
	return codeCannotRun
}

// execute makes this process the program. A script without "#!" is one for the
// shell, as for execvp(3).
func execute(path string, argv []string) error {
	err := syscall.Exec(path, argv, os.Environ())
	if errors.Is(err, syscall.ENOEXEC) {
		const shell = "/bin/sh"
		err = syscall.Exec(shell, append([]string{shell, path}, argv[1:]...), os.Environ())
	}
	return err
}
