//go:build unix

package main

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// "pawl run" starts two helpers, which are this program under a hidden first
// argument: the starter, which becomes the child, and the watchdog.
const (
	starterArg  = "__start"
	watchdogArg = "__watchdog"
)

// runHelper is the whole program of a helper; ok is false when this is none.
func runHelper(args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case starterArg:
		return becomeChild(args[1:]), true
	case watchdogArg:
		return watch(args[1:]), true
	}
	return 0, false
}

// firstHelperFd is out of the way of files that pawl has inherited for the child,
// as by "9>file" in a shell, LISTEN_FDS or make's job server.
const firstHelperFd = 64

// inheritable returns a copy of file that a process started from now on inherits
// under the same number. The caller closes it after that.
func inheritable(file *os.File) (fd int, err error) {
	fd, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD, firstHelperFd)
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	return fd, err
}

// inherited returns the file that the parent made inheritable, and keeps it from
// being inherited further.
func inherited(number string) *os.File {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "pipe")
}

// startHelper starts this program with title as its name and args, to which the
// numbers of the files are added.
func startHelper(title string, args []string, files []*os.File, attr *syscall.ProcAttr) (pid int, err error) {
	argv := append([]string{title}, args[0])
	for _, file := range files {
		fd, err := inheritable(file)
		if err != nil {
			return 0, err
		}
		defer func() { _ = unix.Close(fd) }()
		argv = append(argv, strconv.Itoa(fd))
	}
	path, err := selfPath()
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(path, append(argv, args[1:]...), attr)
}

// noProcess is the id of a helper that is buried.
const noProcess = 0

// bury waits for the end of pid, a child of this process.
func bury(pid int) {
	if pid == noProcess { // wait4 takes 0 for any child of the group
		return
	}
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}
