package drivertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// process is a worker process, as the suite sees it.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer
	ready  <-chan report
	gone   chan struct{} // closed when the process has ended

	mu    sync.Mutex
	last  int                   // the ID of the last command
	calls map[int]chan<- report // commands under way
}

// process starts a worker on the backend of the case. It ends with the case.
func (e *env) process(t testing.TB) *process {
	t.Helper()
	return e.processes(t, 1)[0]
}

// processes starts n workers at the same time.
func (e *env) processes(t testing.TB, n int) []*process {
	t.Helper()
	if e.URL == "" || !hasWorkers {
		t.Fatal("the driver's Scope is wider than one process: give the Harness a URL, and call Main from TestMain with a function that opens it")
	}
	all := make([]*process, n)
	for i := range all {
		all[i] = startProcess(t, e.URL)
	}
	for _, p := range all {
		p.result(t, p.ready)
	}
	return all
}

func startProcess(t testing.TB, url string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(binary), gone: make(chan struct{}), calls: make(map[int]chan<- report)} //nolint:noctx // itself; it ends with the test
	ready := make(chan report, 1)
	p.ready, p.calls[0] = ready, ready
	// Under the race detector a process otherwise sleeps for a second at its end.
	race := strings.TrimSpace(os.Getenv("GORACE") + " atexit_sleep_ms=0")
	p.cmd.Env = append(os.Environ(), workerEnv+"="+url, "GORACE="+race)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.listen(stdout)
	t.Cleanup(func() { p.end(t) })
	return p
}

// listen hands the reports of p to those who wait for them, until p has ended.
func (p *process) listen(stdout io.Reader) {
	for decoder := json.NewDecoder(stdout); ; {
		var r report
		if err := decoder.Decode(&r); err != nil {
			break
		}
		p.mu.Lock()
		p.calls[r.ID] <- r
		delete(p.calls, r.ID)
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // killed, mostly
	close(p.gone)
}

// end closes the standard input of p, at which it must end.
func (p *process) end(t testing.TB) {
	_ = p.stdin.Close()
	_ = resume(p.pid()) // it may have been stopped, or be gone
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Error("a worker process did not end when its standard input closed")
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
	if t.Failed() && p.stderr.Len() > 0 {
		t.Logf("process %d: %s", p.pid(), p.stderr.Bytes())
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// begin sends c and returns where its report will arrive.
func (p *process) begin(t testing.TB, c command) <-chan report {
	t.Helper()
	arrives := make(chan report, 1)
	p.mu.Lock()
	p.last++
	c.ID = p.last
	p.calls[c.ID] = arrives
	p.mu.Unlock()
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		t.Fatalf("to a worker process: %v", err)
	}
	return arrives
}

// result waits for a report that p owes.
func (p *process) result(t testing.TB, arrives <-chan report) report {
	t.Helper()
	return p.resultWithin(t, arrives, 2*patience)
}

func (p *process) resultWithin(t testing.TB, arrives <-chan report, most time.Duration) report {
	t.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case r := <-arrives:
		return r
	case <-p.gone:
		select {
		case r := <-arrives: // sent just before
			return r
		default:
		}
		t.Fatalf("worker process %d has ended: %s", p.pid(), p.stderr.Bytes())
	case <-timer.C:
		t.Fatalf("worker process %d does not answer", p.pid())
	}
	return report{}
}

// do sends c, which must succeed, and returns its report.
func (p *process) do(t testing.TB, c command) report {
	t.Helper()
	r := p.result(t, p.begin(t, c))
	if err := r.err(); err != nil {
		t.Fatalf("%s: %v", c.Do, err)
	}
	return r
}

// on returns the command to do something with req.
func on(do string, req driver.Request) command { return command{Do: do, Request: req} }

// kill kills p with SIGKILL, where there are signals, and waits for its end.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	await(t, "the death of a process", p.gone)
}

// stop stops p with SIGSTOP and returns when it stands still.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := pauseProcess(p.pid()); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no SIGSTOP on this system")
	} else if err != nil {
		t.Fatalf("stopping process %d: %v", p.pid(), err)
	}
}

// resume lets a stopped p go on.
func (p *process) resume(t testing.TB) {
	t.Helper()
	if err := resume(p.pid()); err != nil {
		t.Fatalf("resuming process %d: %v", p.pid(), err)
	}
}
