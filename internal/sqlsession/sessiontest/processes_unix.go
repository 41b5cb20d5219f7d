//go:build unix

package sessiontest

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// Signals are needed to stop a process.
func init() {
	tests["StoppedHolder"], tests["KilledWaiter"] = stoppedHolder, killedWaiter
}

// helperEnv is set, to a URL and a name, in the environment of a helper process.
const helperEnv = "PAWL_SESSIONTEST_HELPER"

// Helper is what a test called TestSessionHelper has to call: in a process that a
// test has started, it takes the lock that it was told and holds it until it is killed.
func Helper(t *testing.T, f Fixture) {
	url, name, ok := strings.Cut(os.Getenv(helperEnv), " ")
	if !ok {
		t.Skip("only in a process that another test starts")
	}
	d := f.Open(t, url)
	c, err := pawl.New(d, &pawl.Options{TTL: helperTTL(d)})
	must(t, err)
	lock, err := c.Lock(t.Context(), name)
	must(t, err)
	println("held")
	<-lock.Context().Done()
	println("lost")
	select {}
}

func helperTTL(d driver.Driver) time.Duration { return max(time.Second, d.Traits().MinTTL) }

// helper starts a process that takes name, and returns it with the lines that it writes.
func (f Fixture) helper(t *testing.T, name string) (*os.Process, <-chan string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestSessionHelper$") //nolint:noctx // itself; killed at the end
	cmd.Env = append(os.Environ(), helperEnv+"="+f.URL(f.Shared(t).Addr, f.Root)+" "+name)
	out, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := make(chan string, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
		_ = cmd.Wait() // killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return cmd.Process, lines
}

func line(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case got := <-lines:
		if got != want {
			t.Fatalf("the helper says %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the helper does not say %q", want)
	}
}

// The server frees what a stopped process holds after its TTL, and that learns of it when it
// goes on.
func stoppedHolder(t *testing.T, f Fixture) {
	name, d := free(), f.shared(t)
	process, lines := f.helper(t, name)
	line(t, lines, "held")
	must(t, process.Signal(syscall.SIGSTOP))
	stopped := time.Now()
	acquire(t, d, request(name))
	if took, most := time.Since(stopped), helperTTL(d)+d.Traits().Precision+500*time.Millisecond; took > most {
		t.Errorf("free only after %v, want %v at most", took, most)
	}
	must(t, process.Signal(syscall.SIGCONT))
	line(t, lines, "lost")
}

// A waiter that is killed delays those behind it by a second at most.
func killedWaiter(t *testing.T, f Fixture) {
	name, d, other := free(), f.shared(t), f.shared(t)
	first := acquire(t, d, request(name))
	process, _ := f.helper(t, name)
	waiters(t, d, name, 1)
	got := make(chan error, 1)
	go func() {
		_, err := other.Acquire(t.Context(), request(name))
		got <- err
	}()
	waiters(t, d, name, 2)
	must(t, process.Kill())
	must(t, d.Release(t.Context(), first.Request))
	freed := time.Now()
	must(t, <-got)
	if took := time.Since(freed); took > time.Second {
		t.Errorf("the next in line waited for %v, want a second at most", took)
	}
}
