package redislock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Tokens rise although the server has lost everything.
func TestTokensRiseAcrossDataLoss(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c, rdb := client(t, "redis://"+server.Addr, nil), rawClient(t, server)
	first := mustLock(t, c, "x")
	must(t, rdb.FlushAll(t.Context()).Err())
	second := mustLock(t, client(t, "redis://"+server.Addr, nil), "x")
	if second.Token() <= first.Token() {
		t.Errorf("token %d after %d", second.Token(), first.Token())
	}
	if err := first.Unlock(); err != nil { // frees nothing of the second's
		t.Error(err)
	}
	if _, err := c.TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrHeld) {
		t.Errorf("the second holder's lock: %v", err)
	}
	must(t, second.Unlock())
}

// A holder whose server was restarted without its data is told, and no release of its
// frees the lock of the next.
func TestRestartWithoutData(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c := client(t, "redis://"+server.Addr, nil)
	lock := mustLock(t, c, "x", pawl.TTL(900*time.Millisecond))
	server.Kill()
	must(t, server.Start())
	select {
	case <-lock.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the holder was not told")
	}
	if cause := context.Cause(lock.Context()); !errors.Is(cause, pawl.ErrLost) {
		t.Errorf("cause %v", cause)
	}
	next := mustLock(t, c, "x")
	if next.Token() <= lock.Token() {
		t.Errorf("token %d after %d", next.Token(), lock.Token())
	}
	must(t, next.Unlock())
}

// A restart that keeps the data keeps the locks, for holders and for those in line.
func TestRestartWithData(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	c, other := client(t, "redis://"+server.Addr, nil), client(t, "redis://"+server.Addr, nil)
	lock := mustLock(t, c, "x")
	got := make(chan error, 1)
	go func() {
		got <- other.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { return nil }, pawl.Note("waits"))
	}()
	waiters(t, c, "x", 1)
	server.Kill()
	must(t, server.Start())
	if err := lock.Context().Err(); err != nil {
		t.Fatalf("lost: %v", context.Cause(lock.Context()))
	}
	must(t, lock.Unlock())
	if err := <-got; err != nil && !errors.Is(err, pawl.ErrUnavailable) {
		t.Error(err)
	}
}

// Every script is sent again when the server has forgotten it.
func TestScriptFlushed(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c, rdb := client(t, "redis://"+server.Addr, nil), rawClient(t, server)
	for range 3 {
		lock := mustLock(t, c, "x")
		must(t, rdb.ScriptFlush(t.Context()).Err())
		must(t, lock.Unlock())
		must(t, rdb.ScriptFlush(t.Context()).Err())
	}
}

func TestServerHangs(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	testlock.ServerHangs(t, client(t, "redis://"+server.Addr, nil), server)
}

func TestLostReply(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	proxy := testserver.NewProxy(t, server.Addr)
	c, witness := client(t, "redis://"+proxy.Addr+"?timeout=300ms", nil), client(t, "redis://"+server.Addr, nil)
	testlock.LostReply(t, c, witness, proxy)
}

// Connections that are cut cost a waiter nothing but the time to connect again, and a
// holder nothing.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	proxy := testserver.NewProxy(t, server.Addr)
	c, other := client(t, "redis://"+proxy.Addr, nil), client(t, "redis://"+server.Addr, nil)
	held, lock := mustLock(t, c, "held", pawl.TTL(600*time.Millisecond)), mustLock(t, other, "x")
	got := make(chan error, 1)
	go func() { got <- quick(t.Context(), c, "x") }()
	waiters(t, other, "x", 1)
	proxy.Cut()
	must(t, lock.Unlock())
	if err := <-got; err != nil && !errors.Is(err, pawl.ErrUnavailable) {
		t.Error(err)
	}
	// Two renewals later it is still held.
	until := held.Until()
	eventually(t, "a renewal", func() bool { return held.Until().After(until) || held.Context().Err() != nil })
	if err := held.Context().Err(); err != nil {
		t.Error(context.Cause(held.Context()))
	}
	must(t, held.Unlock())
}

// Without publish and subscribe each handoff takes at most a claim window more.
func TestPubSubRefused(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	must(t, rdb.Do(t.Context(), "ACL", "SETUSER", "mute", "on", ">secret", "~*", "resetchannels", "+@all", "-@pubsub").Err())
	url := "redis://mute:secret@" + server.Addr
	holder := client(t, url, nil)
	lock := mustLock(t, holder, "x")
	const handoffs = 4
	var line sync.WaitGroup
	for i := range handoffs {
		c := client(t, url, nil)
		line.Go(func() {
			if err := quick(t.Context(), c, "x"); err != nil {
				t.Error(err)
			}
		})
		waiters(t, holder, "x", i+1)
	}
	start := time.Now()
	must(t, lock.Unlock())
	line.Wait()
	d, err := open(t.Context(), url)
	must(t, err)
	defer d.Close()
	if took, most := time.Since(start), handoffs*d.Traits().ClaimWindow+2*time.Second; took > most {
		t.Errorf("%d handoffs took %v", handoffs, took)
	}
}

// Whoever dies leaves no key that stays for ever, whichever key came first: a reader
// that was granted in line finds the keys of the line gone, and makes them anew.
func TestEveryKeyRunsOut(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d, rdb := mustOpen(t, "redis://"+server.Addr), rawClient(t, server)
	writer := driver.Request{Name: "x", Holder: "writer", TTL: time.Minute}
	_, err := d.Acquire(t.Context(), writer)
	must(t, err)
	got := make(chan error, 1)
	go func() {
		_, err := d.Acquire(t.Context(), driver.Request{Name: "x", Holder: "reader", Mode: driver.Shared, TTL: time.Minute})
		got <- err
	}()
	eventually(t, "the reader in line", func() bool {
		state, err := d.(driver.Inspector).Inspect(t.Context(), "x")
		return err == nil && len(state.Waiters) == 1
	})
	must(t, d.Release(t.Context(), writer))
	must(t, <-got)
	must(t, d.Release(t.Context(), driver.Request{Name: "x", Holder: "never came", TTL: time.Minute}))
	keys := rdb.Keys(t.Context(), "*").Val()
	if len(keys) < 4 {
		t.Errorf("only %q", keys)
	}
	for _, key := range keys {
		if left := rdb.TTL(t.Context(), key).Val(); left <= 0 {
			t.Errorf("%s stays for ever", key)
		}
	}
}

// Bad state under the lock's name is a clear error and not touched.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	c, rdb := client(t, "redis://"+server.Addr, nil), rawClient(t, server)
	must(t, rdb.Set(t.Context(), "pawl:{x}", "theirs", 0).Err())
	_, err := c.TryLock(t.Context(), "x")
	if !errors.Is(err, pawl.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGTYPE") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if got := rdb.Get(t.Context(), "pawl:{x}").Val(); got != "theirs" {
		t.Errorf("the key is now %q", got)
	}
	// The others of the same batch are not affected.
	must(t, quick(t.Context(), c, "y"))
}

// A lease runs out by the server's clock although Redis is busy with other keys that
// run out, whose events come when they come.
func TestTakeoverAmongManyKeys(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	const keys, chunk = 400_000, 20_000
	for from := 0; from < keys; from += chunk {
		_, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			for i := range chunk {
				p.Set(t.Context(), fmt.Sprint("session:", from+i), "", time.Hour)
			}
			return nil
		})
		must(t, err)
	}
	dead := mustOpen(t, "redis://"+server.Addr)
	const ttl = time.Second
	lease, err := dead.Acquire(t.Context(), driver.Request{Name: "x", Holder: "dead", TTL: ttl, NoWait: true})
	must(t, err)
	granted := time.Now()
	next := mustLock(t, client(t, "redis://"+server.Addr, nil), "x")
	late := time.Since(granted) - ttl
	if late > 500*time.Millisecond { // 50 ms on a machine that has nothing else to do
		t.Errorf("taken over %v after its TTL", late)
	}
	if time.Now().Before(lease.Until) {
		t.Error("taken over while it was trusted")
	}
	t.Logf("taken over %v after its TTL", late)
	must(t, next.Unlock())
}
