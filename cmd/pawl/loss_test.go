//go:build unix

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stubborn is a command that tells of TERM and goes on. Its stderr would have what
// the shell says of a sleep that was terminated.
const stubborn = `exec 2>/dev/null; trap 'echo term' TERM; echo $$; while :; do sleep 0.05; done`

func TestForceWhileRunning(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "x", "--", "sh", "-c", `exec 2>/dev/null; trap 'echo term; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	p.wantLine("ready")
	got := s.run("break", "--force", "x").wantCode(0)
	if owner := fmt.Sprintf("/%d/pawl", p.cmd.Process.Pid); !strings.Contains(got.stdout, owner) || !strings.Contains(got.stdout, "fencing tokens") {
		t.Errorf("break said %q", got.stdout)
	}
	p.wantLine("term")
	p.wantErr(codeLost, `lock "x"`, "lost", "ending the command")
}

func TestBreakWhileRunning(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "--lost-exit-code", "99", "x", "--", "sh", "-c", "echo ready; exec sleep 600")
	p.wantLine("ready")
	if got := s.run("break", "x").wantCode(0); !strings.Contains(got.stdout, "free at") {
		t.Errorf("break said %q", got.stdout)
	}
	p.wantErr(99, `lock "x"`, "lost")
	s.run("break", "x").wantErr(1, `"x"`, "pawl ls")
}

func TestLossKillsWhatIgnoresTerm(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "--grace", "200ms", "x", "--", "sh", "-c", stubborn)
	pid := p.line()
	s.run("break", "--force", "x").wantCode(0)
	p.wantLine("term")
	p.wantErr(codeLost, "lost")
	awaitDead(t, pid)
}

// When renewals fail, the command is gone before the lock can be anybody else's.
func TestFailingRenewals(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1500ms", "--grace", "500ms", "x", "--", "sh", "-c", stubborn)
	pid := p.line()
	until := s.inspect("x").Holders[0].Until
	release := s.blockWrites()
	p.wantLine("term")
	told := time.Now()
	awaitDead(t, pid)
	release()
	p.wantErr(codeLost, "could not be renewed", "ending the command")
	// A renewal may have come between the look and the block, a third of the TTL later.
	if limit := until.Add(500 * time.Millisecond); told.After(limit) {
		t.Errorf("told to end %v after the lock ran out", told.Sub(limit))
	}
}

// A pawl that is stopped does not see its lock run out; the watchdog does.
func TestStoppedBeyondTheTTL(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "2s", "x", "--", "sh", "-c", `sleep 600 & echo $!; echo $$; wait`)
	grandchild, child := p.line(), p.line()
	p.signal(syscall.SIGSTOP)
	next := s.start("run", "x", "--", "sh", "-c", `ps -o stat= -p "$0,$1"; echo end; exec sleep 600`, grandchild, child)
	for line := next.line(); line != "end"; line = next.line() {
		if !strings.HasPrefix(line, "Z") {
			t.Errorf("the next holder runs beside a process of the last one, in state %s", line)
		}
	}
	p.signal(syscall.SIGCONT)
	p.wantErr(codeLost, `"x"`) // lost, or about to be: it has slept through which
	awaitDead(t, child, grandchild)
	s.await("x", 1, 0)
}

func TestFate(t *testing.T) {
	t.Parallel()
	for status, want := range map[syscall.WaitStatus]string{
		0:                                   "had ended already",
		syscall.WaitStatus(syscall.SIGTERM): "had ended already",
		syscall.WaitStatus(syscall.SIGKILL): "was killed",
	} {
		if got := (&supervisor{status: status}).fate(); got != want {
			t.Errorf("status %v: %q, want %q", status, got, want)
		}
	}
}

func TestEarliestOfSeveralCounts(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "a", "b", "--", "sh", "-c", "echo ready; exec sleep 600")
	p.wantLine("ready")
	s.run("break", "--force", "b").wantCode(0)
	p.wantErr(codeLost, "ending the command")
	s.await("a", 0, 0)
}
