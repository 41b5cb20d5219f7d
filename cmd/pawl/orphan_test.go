//go:build unix

package main

import (
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestPawlIsKilled(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "x", "--", "sh", "-c",
		`trap "" TERM HUP INT; sleep 600 & echo $!; (trap "" TERM; sleep 601 & echo $!; wait) & echo $$; wait`)
	pids := []string{p.line(), p.line(), p.line()}
	p.signal(syscall.SIGKILL)
	awaitDead(t, pids...)
	s.await("x", 0, 0)
}

// An inner pawl is in the outer one's group, but its child is not.
func TestOuterPawlIsKilled(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "x", "--", "pawl", "run", "--ttl", "1s", "y", "--", "sh", "-c", `sleep 600 & echo $!; echo $$; wait`)
	pids := []string{p.line(), p.line()}
	p.signal(syscall.SIGKILL)
	awaitDead(t, pids...)
}

// The inner pawl is killed as part of the outer one's group. What ran under it is
// dead before the outer one ends.
func TestInnerPawlIsKilled(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "--grace", "200ms", "x", "--", "pawl", "run", "y", "--", "sh", "-c", stubborn)
	pid := p.line()
	s.run("break", "--force", "x").wantCode(0)
	p.wantLine("term")
	p.wantErr(codeLost, "lost")
	if runtime.GOOS == "linux" && alive(pid) {
		t.Error("a process of the inner run lives on")
	}
	awaitDead(t, pid)
}

func TestWatchdogIsReplaced(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "x", "--", "sh", "-c", `echo $$; exec sleep 600`)
	child := p.line()
	first := p.watchdog()
	kill(t, first, syscall.SIGKILL)
	eventually(t, func() bool { pid := p.watchdog(); return pid != "" && pid != first })
	second := p.watchdog()
	p.signal(syscall.SIGKILL)
	awaitDead(t, child, second)
}

// The lock is not given back before all that was started under it is dead.
func TestProcessesLeftBehind(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--grace", "300ms", "x", "--", "sh", "-c", `(trap "" TERM; echo $$; exec sleep 600) & read line; exit 3`)
	p.line()
	p.wantErr(3, "left processes behind")
	s.await("x", 0, 0)
}

func TestNextWaitsForWhatIsLeftBehind(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--grace", "1s", "x", "--", "sh", "-c", `sh -c 'trap "" TERM; echo $$; while :; do sleep 0.05; done' & sleep 0.1; exit 0`)
	left := p.line()
	next := s.start("run", "x", "--", "sh", "-c", `ps -o stat= -p $0; echo end`, left)
	for line := next.line(); line != "end"; line = next.line() {
		if !strings.HasPrefix(line, "Z") {
			t.Errorf("the next holder runs beside what the last one left behind, in state %s", line)
		}
	}
	p.wantErr(0, "left processes behind")
}

// What ends by itself soon is given the time for it, and nothing is said.
func TestEndOfAPipeline(t *testing.T) {
	s := newSandbox(t)
	got := s.run("run", "x", "--", "sh", "-c", `{ echo late; } & exit 0`).wantCode(0)
	if got.stdout != "late\n" || got.stderr != "" {
		t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "x", "--", "sh", "-c", "echo in; exec sleep 600")
	p.wantLine("in")
	watchdog := p.watchdog()
	p.signal(syscall.SIGTERM)
	p.wantCode(143)
	if alive(watchdog) {
		t.Error("the watchdog lives on")
	}
}

// watchdog returns the id of the process's watchdog.
func (p *process) watchdog() string {
	out, err := exec.Command("ps", "-A", "-o", "ppid=,pid=,args=").Output()
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if fields[0] == strconv.Itoa(p.cmd.Process.Pid) && fields[2] == watchdogTitle {
			return fields[1]
		}
	}
	return ""
}

func kill(t *testing.T, pid string, sig syscall.Signal) {
	t.Helper()
	id, err := strconv.Atoi(pid)
	if err != nil || id <= 1 {
		t.Fatalf("process id %q", pid)
	}
	if err := syscall.Kill(id, sig); err != nil {
		t.Fatal(err)
	}
}
