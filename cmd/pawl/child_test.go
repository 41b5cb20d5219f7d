//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestStdinStdoutStderr(t *testing.T) {
	s := newSandbox(t)
	p := s.startWith(func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader("one\ntwo\n") },
		"run", "x", "--", "sh", "-c", "cat; echo three >&2")
	got := p.wantCode(0)
	if got.stdout != "one\ntwo\n" || got.stderr != "three\n" {
		t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
	}
}

// Files that the user has opened for the child are passed on under their numbers.
func TestFurtherFiles(t *testing.T) {
	s := newSandbox(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := s.startWith(func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{w} },
		"run", "x", "--", "sh", "-c", "echo hello >&3")
	w.Close()
	p.wantCode(0)
	buf := make([]byte, 100)
	if n, err := r.Read(buf); string(buf[:n]) != "hello\n" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

func TestEnvironment(t *testing.T) {
	s := newSandbox(t)
	s.env = append(s.env, "PAWL_TOKEN=stale", "OTHER=kept")
	p := s.start("run", "--note", "a note", "my lock", "--", "sh", "-c",
		`echo "$PAWL_NAME|$PAWL_TOKEN|$PAWL_OWNER|$PAWL_BACKEND|$OTHER"; echo "$PAWL_HELD"; exec sleep 600`)
	fields := strings.Split(p.line(), "|")
	holder := s.inspect("my lock").Holders[0]
	want := []string{"my lock", holder.Token, holder.Owner, s.url(), "kept"}
	if !slices.Equal(fields, want) {
		t.Errorf("environment %q, want %q", fields, want)
	}
	if _, err := strconv.ParseUint(holder.Token, 10, 63); err != nil || holder.Note != "a note" {
		t.Errorf("holder %+v", holder)
	}
	var held []heldLock
	if err := json.Unmarshal([]byte(p.line()), &held); err != nil || len(held) != 1 || held[0].Name != "my lock" {
		t.Errorf("%s: %v, %v", heldEnv, held, err)
	}
}

// A relative backend means the same to a child that has changed its directory.
func TestRelativeBackend(t *testing.T) {
	s := newSandbox(t)
	got := s.run("run", "-b", "sqlite://./other.db", "x", "--", "sh", "-c",
		`cd /; pawl run x -- true; echo $?; pawl ls -o json | grep -c owner`).wantCode(0)
	if got.stdout != "64\n1\n" {
		t.Errorf("printed %q; stderr: %s", got.stdout, got.stderr)
	}
}

func TestArgumentsAfterDashes(t *testing.T) {
	s := newSandbox(t)
	got := s.run("run", "x", "-n", "--", "printf", "%s,", "-n", "--", "--ttl", "a b").wantCode(0)
	if got.stdout != "-n,--,--ttl,a b,\n" {
		t.Errorf("printed %q", got.stdout)
	}
}

func TestShellCommand(t *testing.T) {
	s := newSandbox(t)
	s.env = append(s.env, "SHELL=/bin/sh")
	got := s.run("run", "x", "-c", "echo $PAWL_NAME | tr x y; exit 3").wantCode(3)
	if got.stdout != "y\n" {
		t.Errorf("printed %q", got.stdout)
	}
	s.env = append(s.env, "SHELL=/no/such/shell")
	s.run("run", "x", "-c", "true").wantErr(127, "/no/such/shell")
	s.env = append(s.env, "SHELL=")
	s.run("run", "x", "-c", "exit 5").wantCode(5)
}

func TestProcessGroup(t *testing.T) {
	s := newSandbox(t)
	got := s.run("run", "x", "--", "sh", "-c", `echo $$; ps -o pgid= -p $$; ps -o ppid= -p $$`)
	fields := strings.Fields(got.wantCode(0).stdout)
	pawl := strconv.Itoa(got.cmd.Process.Pid)
	if len(fields) != 3 || fields[0] != fields[1] || fields[2] != pawl {
		t.Errorf("pid, group and parent %v, pawl is %s", fields, pawl)
	}
}

func TestSignalsAreForwarded(t *testing.T) {
	for _, sig := range []syscall.Signal{
		syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
	} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSandbox(t)
			name := strings.TrimPrefix(signalName(sig), "SIG")
			p := s.start("run", "x", "--", "sh", "-c",
				`trap 'echo got; exit 9' `+name+`; echo ready; while :; do sleep 0.05; done`)
			p.wantLine("ready")
			p.signal(sig)
			p.wantLine("got")
			if got := p.wantCode(9); strings.Contains(got.stderr, "lost") {
				t.Errorf("stderr %q", got.stderr)
			}
			s.await("x", 0, 0)
		})
	}
}

// A command that Ctrl-Z has stopped would hold the lock for as long as nobody
// remembers it, and leave the terminal to nobody.
func TestCommandIsNotSuspended(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "x", "--", "sh", "-c", "echo $$; exec sleep 600")
	pid := p.line()
	p.signal(syscall.SIGTSTP)
	eventually(t, func() bool { return strings.Contains(p.errText(), "cannot be suspended") })
	eventually(t, func() bool { return strings.HasPrefix(state(pid), "S") })
	p.signal(syscall.SIGTERM)
	p.wantCode(143)
}

func TestSignalEndsTheWholeGroup(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "x", "--", "sh", "-c", `sleep 600 & echo $!; wait`)
	grandchild := p.line()
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGTERM) // background processes of a script ignore INT
	if got := p.wait(); got.code != 130 && got.code != 143 {
		t.Errorf("exit code %d", got.code)
	}
	awaitDead(t, grandchild)
}

// TERM from the user is passed on and no more: the command decides.
func TestChildMayIgnoreTermOfTheUser(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "--ttl", "1s", "--grace", "100ms", "x", "--", "sh", "-c",
		`trap 'echo ignored' TERM; trap 'exit 0' USR1; echo ready; while :; do sleep 0.05; done`)
	p.wantLine("ready")
	p.signal(syscall.SIGTERM)
	p.wantLine("ignored")
	first := s.inspect("x").Holders[0].Until
	eventually(t, func() bool { return s.inspect("x").Holders[0].Until.Sub(first).Seconds() > 0.6 }) // renewed twice
	p.signal(syscall.SIGUSR1)
	p.wantCode(0)
}

// What nohup(1) has made the process ignore stays so for the child.
func TestIgnoredHangup(t *testing.T) {
	s := newSandbox(t)
	p := s.startWith(func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, binary,
			"run", "x", "--", "sh", "-c", `kill -HUP $$; echo alive; exec sleep 600`}
	})
	p.wantLine("alive")
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGTERM)
	p.wantCode(143)
}

func TestNestedRuns(t *testing.T) {
	s := newSandbox(t)
	p := s.start("run", "outer", "--", "pawl", "run", "inner", "--", "sh", "-c",
		`echo $PAWL_NAME; echo "$PAWL_HELD"; exec sleep 600`)
	p.wantLine("inner")
	var held []heldLock
	if err := json.Unmarshal([]byte(p.line()), &held); err != nil || len(held) != 2 || held[0].Name != "outer" || held[1].Name != "inner" {
		t.Errorf("%s: %v, %v", heldEnv, held, err)
	}
	s.await("outer", 1, 0)
	s.await("inner", 1, 0)
	p.signal(syscall.SIGTERM)
	p.wantCode(143)
	s.await("outer", 0, 0)
	s.await("inner", 0, 0)
}

func TestRunWithinItself(t *testing.T) {
	s := newSandbox(t)
	s.run("run", "x", "--", "pawl", "run", "x", "--", "true").wantErr(64, `"x"`, heldEnv)
	s.run("run", "x", "--", "pawl", "run", "y", "--", "pawl", "run", "-s", "x", "--", "true").wantErr(64, `"x"`)
	other := "sqlite://" + s.file() + "2"
	s.run("run", "x", "--", "pawl", "run", "-b", other, "x", "--", "true").wantCode(0)
}
