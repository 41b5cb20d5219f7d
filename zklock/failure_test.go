package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// rawConn returns a connection to look at nodes.
func rawConn(t *testing.T, addr string) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect([]string{addr}, 5*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	must(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// A partition from all servers ends trust before the session does, and when it is over,
// nothing of the old holder is left and the client takes new locks.
func TestPartitionFromAll(t *testing.T) {
	t.Parallel()
	server := one(t)
	proxy := testserver.NewProxy(t, server.Addr)
	cut, other := client(t, "zookeeper://"+proxy.Addr+settings, nil), client(t, "zookeeper://"+server.Addr+settings, nil)
	lock := mustLock(t, cut, "partition")
	proxy.Refuse(true)
	proxy.Cut()
	next := mustLock(t, other, "partition")
	if until := lock.Until(); time.Now().Before(until) {
		t.Errorf("let in %v before the trust deadline", time.Until(until))
	}
	if cause := context.Cause(lock.Context()); !errors.Is(cause, pawl.ErrLost) {
		t.Errorf("the holder was not told: %v", cause)
	}
	if next.Token() <= lock.Token() {
		t.Errorf("token %d after %d", next.Token(), lock.Token())
	}
	must(t, next.Unlock())
	proxy.Refuse(false)
	eventually(t, "a new session", func() bool {
		lock, err := cut.TryLock(t.Context(), "partition")
		return err == nil && lock.Unlock() == nil
	})
}

// A connection that is cut costs neither who holds nor who waits anything.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	server := one(t)
	proxy := testserver.NewProxy(t, server.Addr)
	c, other := client(t, "zookeeper://"+proxy.Addr+settings, nil), client(t, "zookeeper://"+server.Addr+settings, nil)
	held, lock := mustLock(t, c, "cut/held"), mustLock(t, other, "cut/waited")
	got := make(chan error, 1)
	go func() {
		got <- c.Do(t.Context(), "cut/waited", func(context.Context, *pawl.Lock) error { return nil })
	}()
	eventually(t, "a waiter", func() bool {
		info, err := other.Inspect(t.Context(), "cut/waited")
		return err == nil && len(info.Waiters) == 1
	})
	proxy.Cut()
	must(t, lock.Unlock())
	must(t, <-got)
	until := held.Until()
	eventually(t, "a renewal", func() bool { return held.Until().After(until) || held.Context().Err() != nil })
	must(t, held.Unlock())
}

// A create whose reply is lost is found again by its id, and leaves no second node.
func TestLostCreateReply(t *testing.T) {
	t.Parallel()
	server := one(t)
	proxy := testserver.NewProxy(t, server.Addr)
	d := mustOpen(t, "zookeeper://"+proxy.Addr+settings)
	must(t, d.Release(t.Context(), acquire(t, d, request(d, "lost/reply")).Request))
	proxy.DropReplies(true)
	got := start(t, d, request(d, "lost/reply"))
	raw := rawConn(t, server.Addr)
	eventually(t, "the node", func() bool {
		children, _, _ := raw.Children("/lost%2Freply")
		return len(children) == 1
	})
	proxy.DropReplies(false)
	proxy.Cut()
	lease := got.wait(t)
	if children, _, err := raw.Children("/lost%2Freply"); err != nil || len(children) != 1 {
		t.Errorf("nodes %v, %v, want one", children, err)
	}
	must(t, d.Release(t.Context(), lease.Request))
}

// A caller who gives up while the reply to its create is lost leaves no node.
func TestLostCreateReplyGivenUp(t *testing.T) {
	t.Parallel()
	server := one(t)
	proxy := testserver.NewProxy(t, server.Addr)
	c := client(t, "zookeeper://"+proxy.Addr+settings, nil)
	must(t, mustLock(t, c, "given-up").Unlock())
	proxy.DropReplies(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Lock(ctx, "given-up")
	wantErr(t, "Lock", err, context.DeadlineExceeded)
	proxy.DropReplies(false)
	proxy.Cut()
	start := time.Now()
	must(t, mustLock(t, client(t, "zookeeper://"+server.Addr+settings, nil), "given-up").Unlock())
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("free after %v", took)
	}
}

// When the session is ended by force, all its locks are lost at once, and a new session
// takes new locks only.
func TestSessionEnded(t *testing.T) {
	t.Parallel()
	server := one(t)
	raw := rawConn(t, server.Addr)
	_, err := raw.Create("/ended", nil, 0, zk.WorldACL(zk.PermAll))
	must(t, err)
	c := client(t, "zookeeper://"+server.Addr+"/ended"+settings, nil)
	locks := []*pawl.Lock{mustLock(t, c, "a"), mustLock(t, c, "b")}
	sessions, _, err := raw.Children("/ended/.pawl")
	must(t, err)
	for _, node := range sessions {
		must(t, raw.Delete("/ended/.pawl/"+node, -1))
	}
	for _, lock := range locks {
		await(t, "the end of the lock's context", lock.Context().Done())
		if cause := context.Cause(lock.Context()); !errors.Is(cause, pawl.ErrLost) {
			t.Errorf("cause %v", cause)
		}
	}
	next := mustLock(t, c, "a")
	if next.Token() <= locks[0].Token() {
		t.Errorf("token %d after %d", next.Token(), locks[0].Token())
	}
	must(t, next.Unlock())
}

// Of many who wait, a release wakes one.
func TestOneWatchEach(t *testing.T) {
	t.Parallel()
	server := one(t)
	d := mustOpen(t, "zookeeper://"+server.Addr+"?session=10s&tick=500ms&timeout=20s")
	client := client(t, "zookeeper://"+server.Addr+settings, nil)
	lock := mustLock(t, client, "herd")
	var line sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer line.Wait()
	defer cancel()
	for range crowd {
		line.Go(func() { _, _ = d.Acquire(ctx, request(d, "herd")) })
	}
	conn := rawConn(t, server.Addr)
	eventually(t, "the line", func() bool {
		children, _, err := conn.Children("/herd")
		return err == nil && len(children) == 1+crowd
	})
	eventually(t, "one watch each", func() bool {
		watches := 0
		for path, sessions := range watchesByPath(t, server.Addr) {
			if strings.HasPrefix(path, "/herd/") {
				watches += sessions
			}
		}
		// Each is watched by the one behind it, and but for the first by itself, which is the
		// same session. The holder watches the first, too, once it has renewed.
		return watches == 1+crowd || watches == 1+crowd+1
	})
	must(t, lock.Unlock())
}

// fourLetters asks a server with one of its words.
func fourLetters(t *testing.T, addr, word string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, word)
	must(t, err)
	text, err := io.ReadAll(conn)
	must(t, err)
	return string(text)
}

// watchesByPath returns how many sessions watch each node.
func watchesByPath(t *testing.T, addr string) map[string]int {
	t.Helper()
	text := fourLetters(t, addr, "wchp")
	watches, path := map[string]int{}, ""
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "/"):
			path = strings.TrimSpace(line)
		case strings.HasPrefix(line, "\t"):
			watches[path]++
		}
	}
	return watches
}

// refuses checks that url is refused in one line, which says want and no password.
func refuses(t *testing.T, url string, is error, want string) {
	t.Helper()
	d, err := open(t.Context(), url)
	if err == nil {
		_, err = d.Acquire(t.Context(), request(d, "refused", noWait))
		_ = d.Close()
	}
	switch {
	case !errors.Is(err, is) || !strings.Contains(err.Error(), want):
		t.Errorf("%s: %v, want %v with %q", url, err, is, want)
	case strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret"):
		t.Errorf("%s: %q, want one line without the password", url, err)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	server := one(t)
	raw := rawConn(t, server.Addr)
	base := "zookeeper://" + server.Addr
	for params, want := range map[string]string{
		"?sesion=3s": `unknown parameter "sesion", want one of session, tick`, "?session=3": `session "3": want a duration`,
		"?recipe=both": `Recipe "both": want mutex or readwrite`, "?tls=maybe": `tls "maybe": want true or false`,
		"?ca=x": "want tls=true", "?tls=true&ca=/none": "ca: open /none", "?acl=creator": "want a user", "?acl=mine": "want open or creator",
		"?session=1s&session=2s": "given 2 times", "/none": "chroot /none does not exist", "?session=1s": "the servers grant sessions of 1s only",
	} {
		refuses(t, base+params, driver.ErrInvalidOption, want)
	}
	if exists, _, err := raw.Exists("/none"); exists || err != nil {
		t.Errorf("a chroot that was refused exists: %v, %v", exists, err)
	}
	refuses(t, "zookeeper://no-such-host.invalid:2181", driver.ErrInvalidOption, "no such host")
	refuses(t, "zookeeper://127.0.0.1:1?timeout=500ms", driver.ErrUnavailable, "connection refused")
	refuses(t, base+"?tls=true&timeout=700ms", driver.ErrUnavailable, "")
}

func TestACLRefused(t *testing.T) {
	t.Parallel()
	server := one(t)
	raw := rawConn(t, server.Addr)
	_, err := raw.Create("/theirs", nil, 0, zk.DigestACL(zk.PermAll, "somebody", "else"))
	must(t, err)
	refuses(t, "zookeeper://me:secret@"+server.Addr+"/theirs"+settings, driver.ErrInvalidOption, "its ACL refuses this user")

	_, err = raw.Create("/ours", nil, 0, zk.WorldACL(zk.PermAll))
	must(t, err)
	d := mustOpen(t, "zookeeper://me:secret@"+server.Addr+"/ours"+settings)
	lease := acquire(t, d, request(d, "x"))
	refuses(t, "zookeeper://you:secret@"+server.Addr+"/ours"+settings, driver.ErrInvalidOption, "its ACL refuses this user")
	must(t, d.Release(t.Context(), lease.Request))
}

// A name whose node is somebody else's ephemeral one cannot be locked, and one with other
// children can.
func TestForeignNodes(t *testing.T) {
	t.Parallel()
	server := one(t)
	raw := rawConn(t, server.Addr)
	_, err := raw.Create("/ephemeral", []byte("theirs"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	must(t, err)
	_, err = raw.Create("/folder", []byte("theirs"), 0, zk.WorldACL(zk.PermAll))
	must(t, err)
	_, err = raw.Create("/folder/config", nil, 0, zk.WorldACL(zk.PermAll))
	must(t, err)
	d := mustOpen(t, "zookeeper://"+server.Addr+settings)
	_, err = d.Acquire(t.Context(), request(d, "ephemeral"))
	if !errors.Is(err, driver.ErrInvalidOption) || !strings.Contains(err.Error(), "/ephemeral is a node of somebody else") {
		t.Errorf("Acquire: %v", err)
	}
	must(t, d.Release(t.Context(), acquire(t, d, request(d, "folder", noWait)).Request))
	if data, _, err := raw.Get("/folder"); string(data) != "theirs" || err != nil {
		t.Errorf("the node holds %q, %v", data, err)
	}
}

// The recipes do not count each other's nodes, so that a name is refused to the other.
func TestOtherRecipe(t *testing.T) {
	t.Parallel()
	server := one(t)
	mutex, readWrite := mustOpen(t, "zookeeper://"+server.Addr+settings), mustOpen(t, "zookeeper://"+server.Addr+settings+"&recipe=readwrite")
	for i, d := range [][2]driver.Driver{{mutex, readWrite}, {readWrite, mutex}} {
		name := fmt.Sprint("other-recipe-", i)
		lease := acquire(t, d[0], request(d[0], name))
		_, err := d[1].Acquire(t.Context(), request(d[1], name))
		wantErr(t, "Acquire with the other recipe", err, driver.ErrInvalidOption)
		must(t, d[0].Release(t.Context(), lease.Request))
	}
	_, err := mutex.Acquire(t.Context(), request(mutex, "x", func(req *driver.Request) { req.Mode = driver.Shared }))
	if !errors.Is(err, driver.ErrUnsupported) || !strings.Contains(err.Error(), "recipe=readwrite") {
		t.Errorf("a shared lock with recipe=mutex: %v", err)
	}
}

// A reader that does not wait comes in beside readers, also where a writer was refused a
// moment ago, who makes the client look before it asks.
func TestTrySharedAfterHeld(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, "zookeeper://"+one(t).Addr+settings+"&recipe=readwrite")
	shared := func(req *driver.Request) { req.Mode = driver.Shared }
	first := acquire(t, d, request(d, "try-shared", shared))
	_, err := d.Acquire(t.Context(), request(d, "try-shared", noWait))
	wantErr(t, "Acquire of a writer", err, driver.ErrHeld)
	second := acquire(t, d, request(d, "try-shared", shared, noWait))
	for _, lease := range []driver.Lease{first, second} {
		must(t, d.Release(t.Context(), lease.Request))
	}
}
