// Package testserver starts the real servers that tests run against: on free ports of
// 127.0.0.1, with their data in a temporary folder, and stops them by their process
// ids. Nothing depends on a server that is already there.
package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Need returns the path of a program, or skips the test when it is not installed: on a
// developer's machine with the package to install, in CI as a failure.
func Need(tb TB, program, debianPackage string) string {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(tb, fmt.Sprintf("%s is not installed: apt-get install %s", program, debianPackage))
	}
	return path
}

// missing skips the test on a developer's machine, and fails it in CI.
func missing(tb TB, text string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatal(text)
	}
	tb.Skipf("%s", text)
}

var handedOut sync.Map // ports

// FreePort returns a port of 127.0.0.1 that was free a moment ago: below those that
// the system hands out, so that no outgoing connection takes it meanwhile. Nobody is given
// the port 10,000 above, which Redis Cluster uses too. A process gets no port twice: servers
// that are started at the same time have not taken theirs yet.
func FreePort(tb TB) int {
	tb.Helper()
	for range 100 {
		port := 10000 + rand.N(10000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = listener.Close()
		if _, taken := handedOut.LoadOrStore(port, true); !taken {
			return port
		}
	}
	tb.Fatal("no free port")
	return 0
}

// Process is a server that a test has started.
type Process struct {
	// Addr is host and port.
	Addr string
	// Dir is the folder of its data, which outlives a restart.
	Dir string

	argv  []string
	user  string    // who runs it when the tests run as root; "" is root too
	stop  os.Signal // what asks it to end; nil is SIGTERM
	ready func(ctx context.Context, addr string) error

	mu     sync.Mutex
	cmd    *exec.Cmd     // nil while it does not run
	exited chan struct{} // closed when cmd has ended, and log is complete
	log    bytes.Buffer
}

// start starts argv and waits until ready, and stops it at the end of the test.
func start(tb TB, p *Process) *Process {
	tb.Helper()
	startAll(tb, []*Process{p})
	return p
}

// startAll does the same for servers that are ready only together.
func startAll(tb TB, servers []*Process) {
	tb.Helper()
	for _, p := range servers {
		tb.Cleanup(func() {
			p.Kill()
			if tb.Failed() {
				tb.Logf("%s\n%s", filepath.Base(p.argv[0]), tail(p.log.Bytes(), 4000))
			}
		})
	}
	started := make(chan error, len(servers))
	for _, p := range servers {
		go func() { started <- p.Start() }()
	}
	var err error
	for range servers {
		err = errors.Join(err, <-started)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Start starts the server, again after Kill or Stop, and waits until it answers.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, &p.log, &p.log
	dieWithParent(cmd)
	if err := runAs(cmd, p.user); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(exited)
	}()
	p.cmd, p.exited = cmd, exited
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := p.try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s has ended\n%s", p.argv[0], tail(p.log.Bytes(), 2000))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", p.argv[0], err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// try asks once whether the server is ready, and does not wait long: a request that came
// too early may never be answered.
func (p *Process) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return p.ready(ctx, p.Addr)
}

// Ready returns nil when the server answers, and otherwise why not. It ends with ctx.
func (p *Process) Ready(ctx context.Context) error { return p.ready(ctx, p.Addr) }

// Kill ends the server and its children at once, as a crash would, and waits for its
// end.
func (p *Process) Kill() { p.end(os.Kill) }

// Stop asks the server to end and waits for it.
func (p *Process) Stop() {
	if p.stop != nil {
		p.end(p.stop)
		return
	}
	p.end(syscall.SIGTERM)
}

func (p *Process) end(signal os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	if signal == os.Kill {
		_ = kill(p.cmd.Process)
	} else {
		_ = p.cmd.Process.Signal(signal)
		_ = resume(p.cmd.Process)
	}
	<-p.exited
	p.cmd = nil
}

// Pause stops the server's process and its children until Resume: its connections stay, and nothing is
// answered.
func (p *Process) Pause(tb TB) { p.signal(tb, pause) }

// Resume lets a paused server go on.
func (p *Process) Resume(tb TB) { p.signal(tb, resume) }

func (p *Process) signal(tb TB, send func(*os.Process) error) {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		tb.Fatal("the server does not run")
	}
	if err := send(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Fatal(err)
	}
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// splitAddr parts host and port.
func splitAddr(tb TB, addr string) (host, port string) {
	tb.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}
