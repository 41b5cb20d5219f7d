//go:build unix

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hold starts a pawl whose child holds name until the test ends.
func (s *sandbox) hold(name string, flags ...string) *process {
	s.t.Helper()
	args := append(append([]string{"run"}, flags...), name, "--", "sh", "-c", "echo $$; exec sleep 600")
	p := s.start(args...)
	p.line()
	return p
}

func TestHeld(t *testing.T) {
	s := newSandbox(t)
	holder := s.hold("x")
	owner := fmt.Sprintf("/%d/pawl", holder.cmd.Process.Pid)
	s.run("run", "-n", "x", "--", "true").wantErr(1, `lock "x" is held by`, owner, "since", "--wait")
	s.run("run", "--nonblock", "-E", "42", "x", "--", "true").wantErr(42, owner)
	s.run("run", "--wait", "0", "x", "--", "true").wantErr(1, owner)
	s.run("run", "-n", "-E", "0", "x", "--", "true").wantErr(0, owner)
	s.await("x", 1, 0)
}

func TestWaitEnds(t *testing.T) {
	for _, wait := range []string{"300ms", "0.3"} {
		t.Run(wait, func(t *testing.T) {
			s := newSandbox(t)
			s.hold("x")
			start := time.Now()
			s.run("run", "-w", wait, "x", "--", "true").wantErr(1, "gave up after 300ms")
			if took := time.Since(start); took < 300*time.Millisecond {
				t.Errorf("gave up after %v", took)
			}
			s.await("x", 1, 0)
		})
	}
}

func TestWaitIsRewarded(t *testing.T) {
	s := newSandbox(t)
	holder := s.hold("x")
	waiter := s.start("run", "-w", "1m", "x", "--", "echo", "in")
	s.await("x", 1, 1)
	holder.signal(syscall.SIGTERM)
	holder.wantCode(143)
	waiter.wantLine("in")
	waiter.wantCode(0)
}

func TestSignalWhileWaiting(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSandbox(t)
			s.hold("x")
			waiter := s.start("run", "x", "--", "echo", "in")
			s.await("x", 1, 1)
			waiter.signal(sig)
			got := waiter.wantErr(128+int(sig), signalName(sig), `"x"`)
			if got.stdout != "" {
				t.Errorf("the command ran: %q", got.stdout)
			}
			if waiters := s.inspect("x").Waiters; len(waiters) != 0 {
				t.Errorf("left behind in line: %v", waiters)
			}
		})
	}
}

func TestSharedHoldersAndSlots(t *testing.T) {
	s := newSandbox(t)
	s.hold("r", "-s")
	s.hold("r", "--shared")
	s.await("r", 2, 0)
	s.run("run", "-n", "r", "--", "true").wantErr(1)
	s.run("run", "-n", "-s", "r", "--", "true").wantCode(0)

	s.hold("s", "--slots", "2")
	s.hold("s", "--slots", "2")
	s.await("s", 2, 0)
	s.run("run", "-n", "--slots", "2", "s", "--", "true").wantErr(1)
	s.run("run", "-n", "--slots", "3", "s", "--", "true").wantErr(codeUsage, "slots")
}

func TestSeveralNames(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "b", "a", "c", "--", "sh", "-c", `echo "$PAWL_NAME" | tr '\n' ,; echo; echo "$PAWL_TOKEN" | tr '\n' ,; echo; exec sleep 600`)
	p.wantLine("b,a,c,")
	tokens := strings.Split(p.line(), ",")
	for i, name := range []string{"b", "a", "c"} {
		if holders := s.inspect(name).Holders; len(holders) != 1 || holders[0].Token != tokens[i] {
			t.Errorf("%s: held by %v, the child's token is %q", name, holders, tokens[i])
		}
	}
	p.signal(syscall.SIGTERM)
	p.wantCode(143)
	s.hold("c")
	s.run("run", "-n", "a", "b", "c", "--", "true").wantErr(1, `"c"`)
	for _, name := range []string{"a", "b"} {
		if state := s.inspect(name); len(state.Holders) != 0 {
			t.Errorf("%s: kept by one who did not get all: %v", name, state)
		}
	}
}
