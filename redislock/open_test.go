package redislock_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// refuses checks that rawURL is refused in one line, which says want and no password.
func refuses(t *testing.T, rawURL string, is error, want string) {
	t.Helper()
	d, err := open(t.Context(), rawURL)
	if err == nil {
		_ = d.Close()
	}
	switch {
	case !errors.Is(err, is) || !strings.Contains(err.Error(), want):
		t.Errorf("%s: %v, want %v with %q", rawURL, err, is, want)
	case strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "wrong-secret"):
		t.Errorf("%s: %q, want one line without the password", rawURL, err)
	}
}

func noKeys(t *testing.T, rdb *redis.Client) {
	t.Helper()
	if keys, err := rdb.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("keys %q, %v, want none", keys, err)
	}
}

func TestOpenRefusesWrongPasswords(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--requirepass", "secret")
	for _, user := range []string{":wrong-secret@", "nobody:wrong-secret@", "nobody:secret@"} {
		refuses(t, "redis://"+user+server.Addr, driver.ErrInvalidOption, "wrong user or password")
	}
	refuses(t, "redis://"+server.Addr, driver.ErrInvalidOption, "the server wants a password")
	for _, scheme := range []string{"redis+cluster://", "redis+sentinel://"} {
		refuses(t, scheme+":wrong-secret@"+server.Addr+"/", driver.ErrInvalidOption, "")
	}
	mustOpen(t, "redis://:secret@"+server.Addr)
	mustOpen(t, "redis://default:secret@"+server.Addr+"?mode=setnx")
}

func TestOpenRefusesWrongDatabases(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--databases", "1")
	refuses(t, "redis://"+server.Addr+"/1", driver.ErrInvalidOption, "database 1: the server has no such one")
	mustOpen(t, "redis://"+server.Addr+"/0")
	noKeys(t, rawClient(t, server))
}

func TestOpenUsesItsDatabase(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	acquire(t, mustOpen(t, "redis://"+server.Addr+"/3?mode=setnx"), request("stock:42"))
	noKeys(t, rawClient(t, server))
}

func TestOpenRefusesReplicas(t *testing.T) {
	t.Parallel()
	primary := testserver.Redis(t)
	replica := testserver.Redis(t)
	rdb := rawClient(t, replica)
	host, port, _ := strings.Cut(primary.Addr, ":")
	must(t, rdb.ReplicaOf(t.Context(), host, port).Err())
	for { // not while it is loading what it has got, which is another error
		if info, err := rdb.Info(t.Context(), "replication").Result(); err == nil && strings.Contains(info, "master_link_status:up") {
			break
		} else if t.Context().Err() != nil {
			t.Fatal("the replica does not reach its primary")
		}
	}
	refuses(t, "redis://"+replica.Addr, driver.ErrInvalidOption, "this is a read-only replica of "+primary.Addr)
}

// A server that is loading its data is unavailable, and fine a little later.
func TestOpenRefusesLoading(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--enable-debug-command", "yes", "--key-load-delay", "2000",
		"--loading-process-events-interval-bytes", "1024")
	rdb := rawClient(t, server)
	must(t, rdb.Do(t.Context(), "DEBUG", "POPULATE", "1000", "key", "100").Err())
	must(t, rdb.Save(t.Context()).Err())
	server.Kill()
	started := make(chan error, 1)
	go func() { started <- server.Start() }()
	for {
		d, err := open(t.Context(), "redis://"+server.Addr)
		if err == nil {
			_ = d.Close()
			t.Error("Open found no moment at which the server was loading")
			break
		}
		wantErr(t, "Open", err, driver.ErrUnavailable)
		if strings.Contains(err.Error(), "loading its data") {
			break
		}
	}
	must(t, <-started)
	mustOpen(t, "redis://"+server.Addr)
}

func TestOpenRefusesOtherTopologies(t *testing.T) {
	t.Parallel()
	plain := testserver.Redis(t)
	refuses(t, "redis+cluster://"+plain.Addr, driver.ErrInvalidOption, "this is no Cluster")
	refuses(t, "redis+cluster://"+plain.Addr+"?mode=setnx", driver.ErrInvalidOption, "this is no Cluster")
	refuses(t, "redis+sentinel://"+plain.Addr+"/main", driver.ErrInvalidOption, "this is no Sentinel")
	noKeys(t, rawClient(t, plain))

	node := testserver.Redis(t, "--cluster-enabled", "yes")
	refuses(t, "redis://"+node.Addr, driver.ErrInvalidOption, "this is a node of a Cluster")
	refuses(t, "redis://"+node.Addr+"/1", driver.ErrInvalidOption, "database 1")
}

func TestOpenBySentinel(t *testing.T) {
	t.Parallel()
	_, _, sentinels := testserver.RedisSentinel(t)
	all := sentinels[0].Addr + "," + sentinels[1].Addr + "," + sentinels[2].Addr
	for _, mode := range []string{"", "?mode=setnx"} {
		d := mustOpen(t, "redis+sentinel://"+all+"/"+testserver.SentinelMaster+"/0"+mode)
		must(t, d.Release(t.Context(), acquire(t, d, request("stock:42")).Request))
	}
	refuses(t, "redis://"+sentinels[0].Addr, driver.ErrInvalidOption, "this is a Sentinel")
	refuses(t, "redis+sentinel://"+all+"/nobody", driver.ErrInvalidOption, `the Sentinels know no master called "nobody"`)
}

// In a Cluster, locks are on different nodes, and the mark of each is on its own.
func TestSetNXInACluster(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	refuses(t, "redis://"+nodes[0].Addr, driver.ErrInvalidOption, "this is a node of a Cluster")
	d := mustOpen(t, "redis+cluster://"+nodes[0].Addr+","+nodes[1].Addr+"?mode=setnx&prefix=app:")
	var leases []driver.Lease
	names := []string{"a", "a}", "b}{", "c{}", "d{e}", "{}", "stock:42", "日本語", "z"}
	for _, name := range names {
		gone := request(name)
		must(t, d.Release(t.Context(), gone))
		_, err := d.Acquire(t.Context(), gone)
		wantErr(t, "Acquire after its Release", err, driver.ErrLost)
		leases = append(leases, acquire(t, d, request(name)))
	}
	for i, renewal := range d.Renew(t.Context(), leases) {
		if renewal.Err != nil {
			t.Errorf("Renew of %q: %v", names[i], renewal.Err)
		}
	}
	states, err := d.(driver.Inspector).List(t.Context(), "")
	must(t, err)
	var listed []string
	for _, state := range states {
		listed = append(listed, state.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, listed); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for _, lease := range leases {
		must(t, d.Release(t.Context(), lease.Request))
		must(t, d.Release(t.Context(), acquire(t, d, request(lease.Name, noWait)).Request))
	}
}

// Open does not wait longer than its timeout, nor than its context.
func TestOpenUnreachable(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	gone := testserver.Redis(t)
	gone.Kill()
	for _, scheme := range []string{"redis://", "redis+cluster://"} {
		refuses(t, scheme+gone.Addr, driver.ErrUnavailable, "connection refused")
	}
	refuses(t, "redis+sentinel://"+gone.Addr+"/main", driver.ErrUnavailable, "connection refused")
	refuses(t, "rediss://"+server.Addr+"?timeout=300ms", driver.ErrUnavailable, "")

	server.Pause(t)
	defer server.Resume(t)
	start := time.Now()
	refuses(t, "redis://"+server.Addr+"?timeout=200ms", driver.ErrUnavailable, "")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := open(ctx, "redis://"+server.Addr)
	wantErr(t, "Open at the end of its context", err, context.DeadlineExceeded)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A user who may run scripts and not INFO can open.
func TestOpenWithoutInfo(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	must(t, rawClient(t, server).Do(t.Context(), "ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-@dangerous").Err())
	d := mustOpen(t, "redis://app:pw@"+server.Addr+"?mode=setnx")
	must(t, d.Release(t.Context(), acquire(t, d, request("stock:42")).Request))
}

// A full server refuses a lock in one clear line, and the lock is not taken.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	must(t, rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
	for _, mode := range []string{"", "?mode=setnx"} {
		d := mustOpen(t, "redis://"+server.Addr+mode)
		_, err := d.Acquire(t.Context(), request("stock:42", noWait))
		wantErr(t, "Acquire"+mode, err, driver.ErrUnavailable)
		if err != nil && (!strings.Contains(err.Error(), "maxmemory") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("Acquire%s: %q, want one line about maxmemory", mode, err)
		}
	}
	noKeys(t, rdb)
}

// Close closes the client, too.
func TestOpenOwnsItsClient(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	for _, mode := range []string{"", "?mode=setnx"} {
		d := mustOpen(t, "redis://"+server.Addr+mode)
		must(t, d.Close())
		must(t, d.Close())
		wantErr(t, "Release", d.Release(t.Context(), request("stock:42")), driver.ErrClosed)
	}
	for start := time.Now(); ; { // the server learns of it a moment later
		clients, err := rdb.ClientList(t.Context()).Result()
		must(t, err)
		if strings.Count(clients, "\n") == 1 {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("clients are left:\n%s", clients)
		}
	}
}
