package zklock_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// peer is a lock of another library. What it says comes in the order of what it was
// told.
type peer interface {
	says(t *testing.T, task string)
	hears(t *testing.T, want string)
	kill()
}

func does(t *testing.T, p peer, task, want string) {
	t.Helper()
	p.says(t, task)
	p.hears(t, want)
}

// child is a peer in a process of its own.
type child struct {
	cmd *exec.Cmd
	in  io.Writer
	out <-chan string // its lines
}

func startChild(t *testing.T, program string, args ...string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	c := &child{cmd, in, lines}
	t.Cleanup(c.kill)
	c.hears(t, "ready")
	return c
}

func (c *child) says(t *testing.T, task string) {
	t.Helper()
	_, err := io.WriteString(c.in, task+"\n")
	must(t, err)
}

func (c *child) hears(t *testing.T, want string) {
	t.Helper()
	heard(t, c.out, want)
}

// heard checks the next line of a peer.
func heard(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case got := <-lines: // "" when it has ended
		if got != want {
			t.Fatalf("the peer says %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the peer says nothing, want %q", want)
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// needFile skips the test when something is not installed, or fails it in CI.
func needFile(t *testing.T, path, debianPackage string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	text := path + " is not installed: apt-get install " + debianPackage
	if os.Getenv("CI") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
}

var compiled = struct {
	once sync.Once
	dir  string
	err  error
}{}

// curator starts a process with a lock of Curator's.
func curator(t *testing.T, servers, kind, path string) peer {
	t.Helper()
	var jars []string
	for _, jar := range []string{"curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava", "slf4j-api", "slf4j-nop"} {
		jars = append(jars, "/usr/share/java/"+jar+".jar")
		needFile(t, jars[len(jars)-1], "libcurator-recipes-java")
	}
	javac := testserver.Need(t, "javac", "default-jdk-headless")
	classes := strings.Join(jars, ":")
	compiled.once.Do(func() {
		dir := testserver.Shared(t, "classes", func(tb testserver.TB) string { return tb.TempDir() })
		out, err := exec.CommandContext(t.Context(), javac, "-d", dir, "-cp", classes, "testdata/Peer.java").CombinedOutput()
		if compiled.dir = dir; err != nil {
			compiled.err = errors.New(string(out))
		}
	})
	must(t, compiled.err)
	return startChild(t, filepath.Join(filepath.Dir(javac), "java"), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-cp", compiled.dir+":"+classes, "Peer", servers, kind, path)
}

// kazoo starts a process with a lock of kazoo's.
func kazoo(t *testing.T, servers, kind, path string) peer {
	t.Helper()
	needFile(t, "/usr/lib/python3/dist-packages/kazoo", "python3-kazoo")
	return startChild(t, "/usr/bin/python3", "testdata/peer.py", servers, kind, path)
}

// goLock is go-zookeeper's own Lock, behind a proxy that can cut it off.
type goLock struct {
	lock  *zk.Lock
	proxy *testserver.Proxy
	tasks chan string
	heard chan string
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func goZookeeper(t *testing.T, servers, _, path string) peer {
	t.Helper()
	proxy := testserver.NewProxy(t, servers)
	conn, _, err := zk.Connect([]string{proxy.Addr}, 2*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	must(t, err)
	g := &goLock{zk.NewLock(conn, path, zk.WorldACL(zk.PermAll)), proxy, make(chan string, 4), make(chan string, 4)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for task := range g.tasks {
			g.do(task)
		}
	}()
	t.Cleanup(func() {
		close(g.tasks)
		conn.Close()
		<-ended
	})
	return g
}

func (g *goLock) do(task string) {
	do, said := g.lock.Lock, "acquired"
	if task == "release" {
		do, said = g.lock.Unlock, "released"
	}
	if err := do(); err != nil {
		said = err.Error()
	}
	g.heard <- said
}

func (g *goLock) says(_ *testing.T, task string) { g.tasks <- task }

func (g *goLock) hears(t *testing.T, want string) {
	t.Helper()
	heard(t, g.heard, want)
}

func (g *goLock) kill() {
	g.proxy.Refuse(true)
	g.proxy.Cut()
}

// inLine waits until n stand in the line of name.
func inLine(t *testing.T, d driver.Driver, name string, n int) {
	t.Helper()
	eventually(t, "the line", func() bool {
		state, err := d.(driver.Inspector).Inspect(t.Context(), name)
		return err == nil && len(state.Waiters) == n
	})
}

// peers are the locks of other libraries that one exclusive lock of ours excludes.
var peers = []struct {
	name   string
	params string
	kind   string
	start  func(t *testing.T, servers, kind, path string) peer
}{
	{"Curator", "", "mutex", curator},
	{"CuratorWriter", "&recipe=readwrite", "write", curator},
	{"CuratorReader", "&recipe=readwrite", "read", curator},
	{"Kazoo", "", "lock", kazoo},
	{"KazooWriter", "&recipe=readwrite", "write", kazoo},
	{"GoZookeeper", "", "", goZookeeper},
	{"GoZookeeperWithReadWrite", "&recipe=readwrite", "", goZookeeper},
}

func TestInterop(t *testing.T) {
	server := one(t)
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			name := "interop/" + p.name
			path := "/interop%2F" + p.name
			url := "zookeeper://" + server.Addr + settings + p.params
			d, other := mustOpen(t, url), mustOpen(t, url)
			theirs := p.start(t, server.Addr, p.kind, path)
			keepsOut(t, d, theirs, name)
			takesTurns(t, d, other, theirs, name)
			takesOver(t, d, other, theirs, name)
		})
	}
}

// keepsOut shows exclusion, in both directions.
func keepsOut(t *testing.T, d driver.Driver, theirs peer, name string) {
	does(t, theirs, "wait", "acquired")
	_, err := d.Acquire(t.Context(), request(d, name, noWait))
	wantErr(t, "Acquire of what the peer holds", err, driver.ErrHeld)
	state, err := d.(driver.Inspector).Inspect(t.Context(), name)
	must(t, err)
	if len(state.Holders) != 1 || len(state.Waiters) != 0 || state.Holders[0].Owner != "" {
		t.Errorf("Inspect: %+v, want one holder that is not ours", state)
	}
	wantErr(t, "Break of what the peer holds", d.(driver.Breaker).Break(t.Context(), name), driver.ErrUnsupported)
	does(t, theirs, "release", "released")

	ours := acquire(t, d, request(d, name, noWait))
	theirs.says(t, "wait")
	inLine(t, d, name, 1)
	must(t, d.Release(t.Context(), ours.Request))
	theirs.hears(t, "acquired")
	does(t, theirs, "release", "released")
}

// takesTurns shows that the peer stands between two of ours, and one of ours between
// two turns of the peer's.
func takesTurns(t *testing.T, d, other driver.Driver, theirs peer, name string) {
	first := acquire(t, d, request(d, name))
	theirs.says(t, "wait")
	inLine(t, d, name, 1)
	last := start(t, other, request(other, name))
	inLine(t, d, name, 2)
	must(t, d.Release(t.Context(), first.Request))
	theirs.hears(t, "acquired")
	inLine(t, d, name, 1)
	select {
	case <-last.done:
		t.Errorf("ours was let in beside the peer: %v", last.err)
	default:
	}
	does(t, theirs, "release", "released")
	got := last.wait(t)
	theirs.says(t, "wait")
	inLine(t, d, name, 1)
	must(t, other.Release(t.Context(), got.Request))
	theirs.hears(t, "acquired")
}

// takesOver shows that what a dead holder held passes on, in both directions; the
// peer holds at first.
func takesOver(t *testing.T, d, other driver.Driver, theirs peer, name string) {
	does(t, theirs, "release", "released")
	lease := acquire(t, other, request(other, name))
	theirs.says(t, "wait")
	inLine(t, d, name, 1)
	must(t, other.Close()) // what it holds is left as a crash leaves it
	theirs.hears(t, "acquired")
	if time.Now().Before(lease.Until) {
		t.Errorf("the peer was let in %v before the trust deadline", time.Until(lease.Until))
	}
	next := start(t, d, request(d, name))
	inLine(t, d, name, 1)
	theirs.kill()
	must(t, d.Release(t.Context(), next.wait(t).Request))
}

// A reader of kazoo's keeps writers of ours out, and they keep it out, and readers share.
// It takes no turns between writers: see the page on this backend.
func TestInteropKazooReader(t *testing.T) {
	t.Parallel()
	server := one(t)
	url := "zookeeper://" + server.Addr + settings + "&recipe=readwrite"
	d, other := mustOpen(t, url), mustOpen(t, url)
	theirs := kazoo(t, server.Addr, "read", "/interop-reader")
	keepsOut(t, d, theirs, "interop-reader")
	does(t, theirs, "wait", "acquired")
	ours := acquire(t, d, request(d, "interop-reader", noWait, func(req *driver.Request) { req.Mode = driver.Shared }))
	does(t, theirs, "release", "released")
	does(t, theirs, "wait", "acquired")
	must(t, d.Release(t.Context(), ours.Request))
	takesOver(t, d, other, theirs, "interop-reader")
}

// A semaphore of Curator's and slots of ours are the same.
func TestInteropSemaphore(t *testing.T) {
	t.Parallel()
	server := one(t)
	d := mustOpen(t, "zookeeper://"+server.Addr+settings)
	theirs := curator(t, server.Addr, "semaphore", "/interop-gpu")
	slots := func(req *driver.Request) { req.Slots = 2 }
	first := acquire(t, d, request(d, "interop-gpu", slots))
	does(t, theirs, "try", "acquired")
	_, err := d.Acquire(t.Context(), request(d, "interop-gpu", slots, noWait))
	wantErr(t, "Acquire of a third slot", err, driver.ErrHeld)
	next := start(t, d, request(d, "interop-gpu", slots))
	does(t, theirs, "release", "released")
	second := next.wait(t)
	does(t, theirs, "try", "held")
	theirs.says(t, "wait")
	must(t, d.Release(t.Context(), first.Request))
	theirs.hears(t, "acquired")
	third := start(t, d, request(d, "interop-gpu", slots))
	theirs.kill()
	must(t, d.Release(t.Context(), third.wait(t).Request))
	must(t, d.Release(t.Context(), second.Request))
}
