package etcdlock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// stranger is a program of others that holds a lock or stands in line for it.
type stranger struct {
	key    chan string // gets the key when the lock is had
	unlock func()
	kill   func()
}

// strangers are the programs of others, by what they are.
var strangers = map[string]func(*testing.T, *testserver.Process, string) *stranger{
	"etcdctl": etcdctlLock,
	"mutex":   concurrencyMutex,
}

// strangersTTL is their etcd lease, in seconds.
const strangersTTL = 2

// etcdctlLock runs `etcdctl lock`.
func etcdctlLock(t *testing.T, server *testserver.Process, name string) *stranger {
	t.Helper()
	program := testserver.Need(t, "etcdctl", "etcd-client")
	cmd := exec.Command(program, "--endpoints", server.Addr, "lock", fmt.Sprintf("--ttl=%d", strangersTTL), name)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	s := &stranger{key: make(chan string, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.key <- lines.Text()
		}
		_ = cmd.Wait()
	}()
	end := func(signal os.Signal) func() {
		return func() {
			_ = cmd.Process.Signal(signal)
			<-done
		}
	}
	s.unlock, s.kill = end(os.Interrupt), end(os.Kill)
	t.Cleanup(s.kill)
	return s
}

// concurrencyMutex locks with the package of etcd's Go client.
func concurrencyMutex(t *testing.T, server *testserver.Process, name string) *stranger {
	t.Helper()
	session, err := concurrency.NewSession(rawClient(t, server), concurrency.WithTTL(strangersTTL))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s := &stranger{key: make(chan string, 1)}
	mutex, done := concurrency.NewMutex(session, name), make(chan struct{})
	go func() {
		defer close(done)
		if mutex.Lock(ctx) == nil {
			s.key <- mutex.Key()
		}
	}()
	s.unlock = func() {
		<-done
		if err := mutex.Unlock(context.Background()); err != nil {
			t.Error(err)
		}
	}
	s.kill = session.Orphan
	t.Cleanup(func() {
		cancel()
		<-done
		_ = session.Close() // the test may have killed it
	})
	return s
}

// got waits until s has the lock.
func (s *stranger) got(t *testing.T) string {
	t.Helper()
	select {
	case key := <-s.key:
		return key
	case <-time.After(60 * time.Second):
		t.Fatal("the stranger does not get the lock within a minute")
		return ""
	}
}

// hasNot checks that s does not have the lock.
func (s *stranger) hasNot(t *testing.T) {
	t.Helper()
	select {
	case <-s.key:
		t.Fatal("the stranger got in beside the holder")
	default:
	}
}

// forStrangers runs test with each of them.
func forStrangers(t *testing.T, test func(t *testing.T, server *testserver.Process, lock func(name string) *stranger)) {
	t.Parallel()
	for what, start := range strangers {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			etcd := server(t)
			test(t, etcd, func(name string) *stranger { return start(t, etcd, name) })
		})
	}
}

// waiting starts a Lock, and waits until n stand in line with it.
func waiting(t *testing.T, c *pawl.Client, name string, n int, opts ...pawl.LockOption) <-chan *pawl.Lock {
	t.Helper()
	got := make(chan *pawl.Lock, 1)
	go func() {
		lock, err := c.Lock(t.Context(), name, opts...)
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		got <- lock
	}()
	inLine(t, c, name, n)
	return got
}

func receive(t *testing.T, got <-chan *pawl.Lock) *pawl.Lock {
	t.Helper()
	select {
	case lock := <-got:
		if lock == nil {
			t.FailNow()
		}
		return lock
	case <-time.After(60 * time.Second):
		t.Fatal("no lock within a minute")
		return nil
	}
}

// What a stranger holds we do not get, in any mode, and the other way round.
func TestInteropExcludes(t *testing.T) {
	forStrangers(t, func(t *testing.T, server *testserver.Process, lock func(string) *stranger) {
		c, name := client(t, "etcd://"+server.Addr, nil), "excludes-"+t.Name()
		name = strings.ReplaceAll(name, "/", "-")
		theirs := lock(name)
		theirs.got(t)
		for what, opts := range map[string][]pawl.LockOption{"exclusive": nil, "shared": {pawl.Shared()}} {
			if _, err := c.TryLock(t.Context(), name, opts...); !errors.Is(err, pawl.ErrHeld) {
				t.Errorf("TryLock, %s, of what a stranger holds: %v", what, err)
			}
		}
		if _, err := c.TryLock(t.Context(), name, pawl.Slots(2)); !errors.Is(err, pawl.ErrInvalidOption) {
			t.Errorf("a slot of what a stranger holds: %v", err)
		}
		if err := c.Break(t.Context(), name); !errors.Is(err, pawl.ErrUnsupported) {
			t.Errorf("Break of what a stranger holds: %v", err)
		}
		next := waiting(t, c, name, 1)
		theirs.unlock()
		ours := receive(t, next)

		again := lock(name)
		inLine(t, c, name, 1)
		again.hasNot(t)
		must(t, ours.Unlock())
		again.got(t)
		again.unlock()
		eventually(t, "a free lock", func() bool {
			ours, err := c.TryLock(t.Context(), name, pawl.Shared())
			if err != nil {
				return false
			}
			again = lock(name) // a stranger waits for readers, too
			inLine(t, c, name, 1)
			again.hasNot(t)
			must(t, ours.Unlock())
			again.got(t)
			again.unlock()
			return true
		})
	})
}

// Ours and theirs stand in one line.
func TestInteropOrder(t *testing.T) {
	forStrangers(t, func(t *testing.T, server *testserver.Process, lock func(string) *stranger) {
		name := strings.ReplaceAll(t.Name(), "/", "-")
		one, two := client(t, "etcd://"+server.Addr, nil), client(t, "etcd://"+server.Addr, nil)
		first := lock(name)
		first.got(t)
		second := waiting(t, one, name, 1)
		third := lock(name)
		inLine(t, one, name, 2)
		fourth := waiting(t, two, name, 3)

		first.unlock()
		lock2 := receive(t, second)
		third.hasNot(t)
		must(t, lock2.Unlock())
		third.got(t)
		if len(fourth) > 0 {
			t.Error("the fourth got in beside the third")
		}
		third.unlock()
		lock4 := receive(t, fourth)
		if lock4.Token() <= lock2.Token() {
			t.Errorf("token %d after %d", lock4.Token(), lock2.Token())
		}
		must(t, lock4.Unlock())
	})
}

// Who was killed is succeeded when the etcd lease has run out, and not before, whichever
// is which.
func TestInteropTakeover(t *testing.T) {
	forStrangers(t, func(t *testing.T, server *testserver.Process, lock func(string) *stranger) {
		name := strings.ReplaceAll(t.Name(), "/", "-")
		c := client(t, "etcd://"+server.Addr, nil)
		theirs := lock(name)
		theirs.got(t)
		next := waiting(t, c, name, 1)
		theirs.kill()
		must(t, receive(t, next).Unlock())

		d := mustOpen(t, "etcd://"+server.Addr)
		lease := acquire(t, d, request(name, 2*time.Second))
		theirs = lock(name)
		inLine(t, c, name, 1)
		must(t, d.Close()) // the end of all keep-alives, as by kill -9
		theirs.got(t)
		if now := time.Now(); now.Before(lease.Until) {
			t.Errorf("a stranger got in %v before the trust deadline", lease.Until.Sub(now))
		}
		theirs.unlock()
	})
}

// The first key of a name on an etcd lease is the one that etcd's package would write, and
// a second one of the same lease excludes it nevertheless.
func TestKeys(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	raw, d := rawClient(t, etcd), mustOpen(t, "etcd://"+etcd.Addr)
	first := acquire(t, d, request("keys:1", time.Minute))
	resp, err := raw.Get(t.Context(), "keys:1/", clientv3.WithPrefix())
	must(t, err)
	if len(resp.Kvs) != 1 || string(resp.Kvs[0].Key) != fmt.Sprintf("keys:1/%x", resp.Kvs[0].Lease) {
		t.Errorf("keys %v", resp.Kvs)
	}
	second := request("keys:1", time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := d.Acquire(ctx, second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Acquire of the same client and name: %v", err)
	}
	must(t, d.Release(t.Context(), second))
	for _, mode := range []driver.Mode{driver.Shared, driver.Exclusive} {
		req := request("keys:2", time.Minute)
		req.Mode = mode
		other := req
		other.Holder += "2"
		acquire(t, d, req)
		other.NoWait = true
		_, err := d.Acquire(t.Context(), other)
		if (err == nil) != (mode == driver.Shared) {
			t.Errorf("a second %v Acquire of the same client and name: %v", mode, err)
		}
		must(t, d.Release(t.Context(), req))
		must(t, d.Release(t.Context(), other))
	}
	must(t, d.Release(t.Context(), first.Request))
}

// Names with slashes do not wait for each other, unless they are raw: then they share locks
// with everybody else, and wait for what is below them as everybody else does.
func TestSlashes(t *testing.T) {
	t.Parallel()
	etcd := server(t)
	d, raw := mustOpen(t, "etcd://"+etcd.Addr+"/slashes"), mustOpen(t, "etcd://"+etcd.Addr+"/slashes?raw=true")
	below := acquire(t, d, request("a/b", time.Minute))
	must(t, d.Release(t.Context(), acquire(t, d, request("a", time.Minute)).Request))
	must(t, d.Release(t.Context(), below.Request))

	theirs := concurrencyMutex(t, etcd, "slashes/a/b")
	theirs.got(t)
	for _, name := range []string{"a/b", "a"} {
		req := request(name, time.Minute)
		req.NoWait = true
		if _, err := raw.Acquire(t.Context(), req); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("%q, raw, while a stranger holds a/b: %v", name, err)
		}
	}
	states, err := raw.(driver.Inspector).List(t.Context(), "a")
	if err != nil || len(states) != 1 || states[0].Name != "a/b" {
		t.Errorf("List: %+v, %v", states, err)
	}
	theirs.unlock()
	if err := raw.Traits().CheckName("%pawl/base"); !errors.Is(err, driver.ErrInvalidName) {
		t.Errorf("a raw name among pawl's own keys: %v", err)
	}
}
