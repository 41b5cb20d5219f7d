package redislock_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

const pythonName = "stock:42"

// python is a process with a Lock of redis-py.
type python struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startPython(t *testing.T, server *testserver.Process, ttl time.Duration) *python {
	t.Helper()
	const interpreter = "/usr/bin/python3" // the one that has Debian's packages
	if err := exec.CommandContext(t.Context(), interpreter, "-c", "import redis").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-py is not installed: apt-get install python3-redis")
		}
		t.Skip("redis-py is not installed: apt-get install python3-redis")
	}
	host, port, err := net.SplitHostPort(server.Addr)
	must(t, err)
	seconds := time.Duration.String(ttl)
	cmd := exec.CommandContext(t.Context(), interpreter, "testdata/lock.py", host, port, pythonName, strings.TrimSuffix(seconds, "s"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &python{t, cmd, in, bufio.NewScanner(out)}
	t.Cleanup(p.kill)
	p.hears("ready")
	return p
}

func (p *python) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *python) says(task string) {
	p.t.Helper()
	_, err := io.WriteString(p.in, task+"\n")
	must(p.t, err)
}

func (p *python) hears(want string) {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("redis-py has ended: %v", p.out.Err())
	}
	if got := p.out.Text(); got != want {
		p.t.Errorf("redis-py says %s, want %s", got, want)
	}
}

// does checks what redis-py says of task.
func (p *python) does(task, want string) {
	p.t.Helper()
	p.says(task)
	p.hears(want)
}

func TestSetNXExcludesRedisPy(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	py := startPython(t, server, 30*time.Second)

	ours := acquire(t, d, request(pythonName))
	py.does("try", "False")
	py.does("owned", "False")
	must(t, d.Release(t.Context(), ours.Request))

	py.does("try", "True")
	_, err := d.Acquire(t.Context(), request(pythonName, noWait))
	wantErr(t, "Acquire of what redis-py holds", err, driver.ErrHeld)
	state, err := d.(driver.Inspector).Inspect(t.Context(), pythonName)
	must(t, err)
	if len(state.Holders) != 1 || state.Holders[0].Owner != "" || state.Holders[0].Token != 0 || len(state.Holders[0].Holder) != 32 {
		t.Errorf("Inspect: %+v, want redis-py's value and nothing else", state.Holders)
	}
	py.does("extend", "True")
	py.does("release", "True")
	must(t, d.Release(t.Context(), acquire(t, d, request(pythonName, noWait)).Request))
}

func TestSetNXAndRedisPyWaitForEachOther(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	py := startPython(t, server, 30*time.Second)
	ours := acquire(t, d, request(pythonName))
	for range 5 {
		py.says("wait")
		must(t, d.Release(t.Context(), ours.Request))
		py.hears("True")
		py.says("release")
		ours = acquire(t, d, request(pythonName))
		py.hears("True")
	}
}

// What redis-py holds and what we hold is released by nobody else, whose lease has run
// out or never was.
func TestSetNXAndRedisPyDoNotReleaseEachOther(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	rdb := rawClient(t, server)
	py := startPython(t, server, 30*time.Second)

	py.does("try", "True")
	must(t, rdb.Del(t.Context(), pythonName).Err()) // as if it had run out
	ours := acquire(t, d, request(pythonName))
	py.does("owned", "False")
	py.does("extend", "LockNotOwnedError")
	py.does("release", "LockNotOwnedError")
	if renewal := d.Renew(t.Context(), []driver.Lease{ours})[0]; renewal.Err != nil {
		t.Errorf("Renew after redis-py's release: %v", renewal.Err)
	}

	must(t, rdb.Del(t.Context(), pythonName).Err())
	py.does("try", "True")
	wantErr(t, "Renew of what redis-py holds", d.Renew(t.Context(), []driver.Lease{ours})[0].Err, driver.ErrLost)
	must(t, d.Release(t.Context(), ours.Request))
	py.does("owned", "True")
}

// Each takes over what the other has left behind.
func TestSetNXAndRedisPyTakeOver(t *testing.T) {
	t.Parallel()
	const ttl = 500 * time.Millisecond
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")

	dies := startPython(t, server, time.Second)
	dies.does("try", "True")
	dies.kill()
	start := time.Now()
	lease := acquire(t, d, request(pythonName))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the takeover took %v", took)
	}
	must(t, d.Release(t.Context(), lease.Request))

	py := startPython(t, server, 30*time.Second)
	abandoned := acquire(t, d, request(pythonName, func(req *driver.Request) { req.TTL = ttl }))
	py.does("wait", "True")
	if now := time.Now(); now.Before(abandoned.Until) {
		t.Errorf("redis-py was let in %v before the trust deadline", abandoned.Until.Sub(now))
	}
}

// Break reaches redis-py, too: it can neither extend nor release what it holds, and
// the lock is free when it runs out.
func TestSetNXBreaksRedisPy(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d := mustOpen(t, "redis://"+server.Addr+"?mode=setnx")
	breaker := d.(driver.Breaker)
	py := startPython(t, server, time.Second)
	py.does("try", "True")
	must(t, breaker.Break(t.Context(), pythonName))
	must(t, breaker.Break(t.Context(), pythonName))
	py.does("extend", "LockNotOwnedError")
	_, err := d.Acquire(t.Context(), request(pythonName, noWait))
	wantErr(t, "Acquire before it has run out", err, driver.ErrHeld)
	must(t, d.Release(t.Context(), acquire(t, d, request(pythonName)).Request))

	py.does("try", "True")
	must(t, breaker.Force(t.Context(), pythonName))
	py.does("owned", "False")
	wantErr(t, "Force again", breaker.Force(t.Context(), pythonName), driver.ErrNotHeld)
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
