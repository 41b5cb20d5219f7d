//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen, on a slow machine too.
const patience = 30 * time.Second

// sandbox is a backend of its own, and the commands that use it.
type sandbox struct {
	t   *testing.T
	dir string
	env []string
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	t.Parallel()
	s := &sandbox{t: t, dir: t.TempDir()}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PAWL_") && !strings.HasPrefix(entry, "XDG_") {
			s.env = append(s.env, entry)
		}
	}
	// Under the race detector a program sleeps for a second at its end otherwise.
	s.env = append(s.env, "GORACE=atexit_sleep_ms=0 halt_on_error=1")
	s.env = append(s.env, "HOME="+s.dir, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "PAWL_BACKEND="+s.url())
	return s
}

func (s *sandbox) file() string { return filepath.Join(s.dir, "locks.db") }

func (s *sandbox) url() string { return "sqlite://" + s.file() }

// process is a pawl that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of stdout
	done  chan struct{}

	mu     sync.Mutex
	stderr bytes.Buffer
	stdout bytes.Buffer
}

// start starts pawl with args.
func (s *sandbox) start(args ...string) *process { return s.startWith(nil, args...) }

func (s *sandbox) startWith(prepare func(*exec.Cmd), args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, lines: make(chan string, 1000), done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = s.env
	p.cmd.Dir = s.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = (*stderrWriter)(p)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if prepare != nil {
		prepare(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go p.read(stdout)
	s.t.Cleanup(p.kill)
	return p
}

type stderrWriter process

func (w *stderrWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.Write(data)
}

// read takes the lines of stdout, and then the end of the process.
func (p *process) read(stdout io.Reader) {
	defer close(p.done)
	defer close(p.lines)
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		p.mu.Lock()
		p.stdout.WriteString(scanner.Text() + "\n")
		p.mu.Unlock()
		p.lines <- scanner.Text()
	}
	_ = p.cmd.Wait()
}

// kill ends a process that is still there; its watchdog ends the rest.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Kill()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Errorf("%v: did not end when killed", p.cmd.Args)
	}
}

// line returns the next line of the child.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%v: ended; stderr: %s", p.cmd.Args, p.errText())
		}
		return line
	case <-time.After(patience):
		p.t.Fatalf("%v: no line; stderr: %s", p.cmd.Args, p.errText())
	}
	return ""
}

func (p *process) wantLine(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.t.Fatalf("%v: printed %q, want %q; stderr: %s", p.cmd.Args, got, want, p.errText())
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// result is how pawl ended.
type result struct {
	code           int
	stdout, stderr string
}

func (p *process) wait() result {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%v: still runs; stderr: %s", p.cmd.Args, p.errText())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return result{p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

func (p *process) wantCode(code int) result {
	p.t.Helper()
	got := p.wait()
	if got.code != code {
		p.t.Fatalf("%v: exit code %d, want %d; stderr: %s", p.cmd.Args, got.code, code, got.stderr)
	}
	return got
}

// wantErr wants the exit code, and one line on stderr that has each of parts.
func (p *process) wantErr(code int, parts ...string) result {
	p.t.Helper()
	got := p.wantCode(code)
	if !strings.HasPrefix(got.stderr, "pawl: ") || strings.Count(got.stderr, "\n") != 1 {
		p.t.Errorf("%v: stderr %q, want one line from pawl", p.cmd.Args, got.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(got.stderr, part) {
			p.t.Errorf("%v: stderr %q, want %q in it", p.cmd.Args, got.stderr, part)
		}
	}
	return got
}

func (p *process) errText() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// run runs pawl to its end.
func (s *sandbox) run(args ...string) *process {
	s.t.Helper()
	p := s.start(args...)
	p.wait()
	return p
}

// inspect returns the state of a lock.
func (s *sandbox) inspect(name string) (state lockState) {
	s.t.Helper()
	got := s.run("inspect", "-o", "json", name).wantCode(0)
	if err := json.Unmarshal([]byte(got.stdout), &state); err != nil {
		s.t.Fatalf("%v in %s", err, got.stdout)
	}
	return state
}

// await waits until the lock has so many holders and waiters.
func (s *sandbox) await(name string, holders, waiters int) {
	s.t.Helper()
	eventually(s.t, func() bool {
		state := s.inspect(name)
		return len(state.Holders) == holders && len(state.Waiters) == waiters
	})
}

// eventually waits until cond holds.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("what was waited for did not happen")
		}
	}
}

// state returns the state of a process as ps(1) shows it, or nothing when there is
// none.
func state(pid string) string {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
	return strings.TrimSpace(string(out))
}

// alive reports whether the process runs: it is there, and no zombie.
func alive(pid string) bool {
	stat := state(pid)
	return stat != "" && stat[0] != 'Z'
}

// awaitDead waits until none of the processes runs.
func awaitDead(t *testing.T, pids ...string) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, func() bool { return !alive(pid) })
	}
}
