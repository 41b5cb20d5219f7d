//go:build unix

package lab

import (
	"os"
	"os/exec"
	"syscall"
)

// canPause reports whether processes can be stopped on this system.
const canPause = true

func pauseProcess(p *os.Process) error  { return p.Signal(syscall.SIGSTOP) }
func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// setApart gives the process of cmd a group of its own. Ctrl-C then reaches the parent
// alone, who decides; and when the parent is killed while the process is stopped, the
// kernel sees an orphaned group and ends it with a hang-up.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
