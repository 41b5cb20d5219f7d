package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onTerminal is a shell script in a session of its own, on a terminal that the test
// types at.
type onTerminal struct {
	t      *testing.T
	screen *os.File
	cmd    *exec.Cmd
	shown  string
}

func (s *sandbox) onTerminal(script string) *onTerminal {
	s.t.Helper()
	screen, line := openPty(s.t)
	defer line.Close()
	o := &onTerminal{t: s.t, screen: screen, cmd: exec.Command("sh", "-c", script)}
	o.cmd.Env, o.cmd.Dir = s.env, s.dir
	o.cmd.Stdin, o.cmd.Stdout, o.cmd.Stderr = line, line, line
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := o.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = screen.Close() // hangs up: the session gets HUP
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
	})
	return o
}

// openPty returns both ends of a new terminal: see pts(4).
func openPty(t *testing.T) (screen, line *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	screen = os.NewFile(uintptr(fd), "screen")
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return screen, line
}

// see reads until the screen has shown text since the last call.
func (o *onTerminal) see(text string) {
	o.t.Helper()
	_ = o.screen.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1000)
	for !strings.Contains(o.shown, text) {
		n, err := o.screen.Read(buf)
		o.shown += string(buf[:n])
		if err != nil {
			o.t.Fatalf("the screen shows %q, want %q: %v", o.shown, text, err)
		}
	}
	_, o.shown, _ = strings.Cut(o.shown, text)
}

func (o *onTerminal) press(keys string) {
	o.t.Helper()
	if _, err := o.screen.WriteString(keys); err != nil {
		o.t.Fatal(err)
	}
}

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func TestTerminalIsLentAndTakenBack(t *testing.T) {
	s := newSandbox(t)
	o := s.onTerminal(`pawl run x -- sh -c 'echo ready; read a; echo child:$a; exit 4'; echo code:$?; read b; echo shell:$b`)
	o.see("ready")
	o.press("one\n")
	o.see("child:one")
	o.see("code:4")
	o.press("two\n")
	o.see("shell:two")
}

func TestCtrlCWhileRunning(t *testing.T) {
	s := newSandbox(t)
	o := s.onTerminal(`pawl run x -- sh -c 'trap "echo told; exit 5" INT; echo ready; while :; do sleep 0.05; done'; echo code:$?; read b; echo shell:$b`)
	o.see("ready")
	o.press(ctrlC)
	o.see("told")
	o.see("code:5")
	o.press("two\n")
	o.see("shell:two")
	s.await("x", 0, 0)
}

func TestCtrlCWhileWaiting(t *testing.T) {
	s := newSandbox(t)
	s.hold("x")
	o := s.onTerminal(`trap : INT; pawl run x -- echo in; echo code:$?`)
	s.await("x", 1, 1)
	o.press(ctrlC)
	o.see("SIGINT")
	o.see("code:130")
	s.await("x", 1, 0)
}

func TestCtrlZDoesNotFreezeTheTerminal(t *testing.T) {
	s := newSandbox(t)
	o := s.onTerminal(`pawl run x -- sh -c 'echo ready; read a; echo child:$a'; echo code:$?`)
	o.see("ready")
	o.press(ctrlZ)
	o.see("cannot be suspended")
	o.press("one\n")
	o.see("child:one")
	o.see("code:0")
}

// In a pipeline the others keep the terminal, until the child reads it.
func TestTerminalInAPipeline(t *testing.T) {
	s := newSandbox(t)
	o := s.onTerminal(`pawl run x -- sh -c 'echo ready; read a; echo child:$a' | cat; read b; echo shell:$b`)
	o.see("ready")
	o.press("one\n")
	o.see("child:one")
	o.press("two\n")
	o.see("shell:two")

	o = s.onTerminal(`pawl run x -- sh -c 'trap "echo told; exit 5" INT; echo ready; while :; do sleep 0.05; done' | (trap "" INT; cat)`)
	o.see("ready")
	o.press(ctrlC)
	o.see("told")
}

// The lab paints a table on a terminal, and prints the one at the end in its place.
func TestLabOnATerminal(t *testing.T) {
	s := newSandbox(t)
	o := s.onTerminal(`TERM=xterm pawl lab flashsale --stock 3 --buyers 10 --procs 2 --strategy conditional --faults none,kill`)
	o.see("flashsale: 0 of 2 runs done, 0s")
	o.see("STRATEGY      NONE   KILL")
	o.see("conditional   safe")
	o.see("flashsale: 2 of 2 runs done")
	o.see("\x1b[3A\r\x1b[J") // up to the first of three lines, and all of them erased
	o.see("flashsale: --stock 3")
}
