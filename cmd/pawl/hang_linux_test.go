package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// opened reports whether the process has the file open.
func (p *process) opened(file string) bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); target == file {
			return true
		}
	}
	return false
}

func TestSignalWhileTheBackendHangs(t *testing.T) {
	s := newSandbox(t)
	s.run("run", "x", "--", "true").wantCode(0)
	release := s.blockWrites()
	p := s.start("run", "x", "--", "echo", "in")
	eventually(t, func() bool { return p.opened(s.file()) })
	p.signal(syscall.SIGTERM)
	release()
	if got := p.wantErr(143); got.stdout != "" {
		t.Errorf("the command ran: %q", got.stdout)
	}
	s.await("x", 0, 0)
}
