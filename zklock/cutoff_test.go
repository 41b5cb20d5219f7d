package zklock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/internal/testserver"
)

// A follower that no longer hears its leader goes on answering its clients, pings and
// reads alike, while the leader lets their sessions run out. A client of that follower
// must not believe in its lock by then.
func followerCutOff(t *testing.T, servers []*testserver.Process) {
	leader, follower := roleOf(t, servers, "leader"), roleOf(t, servers, "follower")
	link := throughProxy(t, servers[follower], leader)
	holder := client(t, "zookeeper://"+servers[follower].Addr+settings, nil)
	other := client(t, "zookeeper://"+servers[leader].Addr+settings, nil)
	witness := rawConn(t, servers[follower].Addr)
	eventually(t, "a session of the witness", func() bool { return witness.State() == zk.StateHasSession })

	lock := mustLock(t, holder, "cut-off")
	renewed(t, lock)
	link.DropReplies(true)
	next := mustLock(t, other, "cut-off")
	now := time.Now()
	if _, _, err := witness.Exists("/cut-off"); err != nil {
		t.Fatalf("the follower does not answer any more, so that this shows nothing: %v", err)
	}
	if until := lock.Until(); now.Before(until) {
		t.Errorf("let in %v before the trust deadline", until.Sub(now))
	}
	if lock.Context().Err() == nil {
		t.Error("the holder was not told")
	}
	if next.Token() <= lock.Token() {
		t.Errorf("token %d after %d", next.Token(), lock.Token())
	}
	must(t, next.Unlock())
	servers[follower].Kill() // it would go on without a leader for a while
	must(t, servers[follower].Start())
}

// roleOf returns one of the servers that is the leader, or a follower.
func roleOf(t *testing.T, servers []*testserver.Process, role string) int {
	t.Helper()
	i := slices.IndexFunc(servers, func(s *testserver.Process) bool {
		return strings.Contains(fourLetters(t, s.Addr, "srvr"), "Mode: "+role)
	})
	if i < 0 {
		t.Fatalf("none of the servers says that it is a %s", role)
	}
	return i
}

// throughProxy starts server again, with a proxy between it and the leader.
func throughProxy(t *testing.T, server *testserver.Process, leader int) *testserver.Proxy {
	t.Helper()
	server.Kill()
	path := filepath.Join(server.Dir, "zoo.cfg")
	config, err := os.ReadFile(path)
	must(t, err)
	line := regexp.MustCompile(fmt.Sprintf(`(?m)^(server\.%d=)([^:]*:\d+)(:\d+)$`, leader+1))
	addr := line.FindSubmatch(config)
	if addr == nil {
		t.Fatalf("no server.%d in %s", leader+1, path)
	}
	proxy := testserver.NewProxy(t, string(addr[2]))
	must(t, os.WriteFile(path, line.ReplaceAll(config, []byte("${1}"+proxy.Addr+"${3}")), 0o600))
	must(t, server.Start())
	must(t, os.WriteFile(path, config, 0o600))
	return proxy
}
