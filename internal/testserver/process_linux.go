package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dieWithParent ends the server when the test is killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// runAs lets the user called name run cmd when root runs the tests: PostgreSQL and
// MariaDB refuse root.
func runAs(cmd *exec.Cmd, name string) error {
	if name == "" || os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := ids(name)
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// giveTo makes the user called name the owner of dir when root runs the tests.
func giveTo(dir, name string) error {
	if name == "" || os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := ids(name)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

func ids(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// kill returns when the children have ended, which are not ours to wait for: until then
// they write to their folder and hold their ports and their shared memory. It stops the
// server first: a child that it made between the list and the kill would live on.
func kill(p *os.Process) error {
	if err := pause(p); err != nil {
		return err // it has ended, and its number may be another's by now
	}
	children := children(p.Pid)
	err := signalTree(p, syscall.SIGKILL)
	for _, pid := range children {
		for runs(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	return err
}

// runs reports whether pid is a process that has not ended.
func runs(pid int) bool {
	switch state(fmt.Sprintf("/proc/%d/stat", pid)) {
	case "", "Z", "X":
		return false
	}
	return true
}

// stands reports whether the thread has stopped or ended.
func stands(path string) bool {
	switch state(path) {
	case "", "T", "t", "Z", "X":
		return true
	}
	return false
}

// state returns the letter for the state of a process or thread, "" when it is gone.
func state(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return after[:min(1, len(after))]
}

// pause returns when every thread has stopped, which on a busy machine takes a moment.
func pause(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	stopChildren(p.Pid)
	return nil
}

// stopChildren waits until pid has stopped, and stops its children: there will be no more
// of them then.
func stopChildren(pid int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // none when it has ended
	for _, task := range tasks {
		for !stands(fmt.Sprintf("/proc/%d/task/%s/stat", pid, task.Name())) {
			time.Sleep(time.Millisecond)
		}
	}
	for _, child := range childrenOf(pid) {
		if syscall.Kill(child, syscall.SIGSTOP) == nil { // one that has ended is nobody's loss
			stopChildren(child)
		}
	}
}

func resume(p *os.Process) error { return signalTree(p, syscall.SIGCONT) }

// signalTree signals p and its children: a PostgreSQL is a process for each
// connection, and each is in a group of its own.
func signalTree(p *os.Process, signal syscall.Signal) error {
	children := children(p.Pid)
	err := p.Signal(signal)
	for _, pid := range children {
		// One that has ended meanwhile is nobody's loss.
		if e := syscall.Kill(pid, signal); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// children returns the process ids of the children of pid, and theirs.
func children(pid int) []int {
	var all []int
	for _, child := range childrenOf(pid) {
		all = append(append(all, child), children(child)...)
	}
	return all
}

// childrenOf returns the process ids of the children of all threads of pid.
func childrenOf(pid int) []int {
	var all []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // none when it has ended
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
