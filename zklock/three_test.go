package zklock_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// ofThree are the settings of clients whose locks outlast an election on a busy machine.
const ofThree = "/?session=20s&tick=1s"

// What becomes of locks that are held and waited for when one of three servers is away, or
// does not hear the others.
func TestOneOfThreeAway(t *testing.T) {
	t.Parallel()
	servers := testserver.ZooKeeper(t, 3, "maxSessionTimeout=60000", "syncLimit=40") // 20 s without a word from the leader
	t.Run("PartitionFromEach", func(t *testing.T) { partitionFromEach(t, servers) })
	t.Run("TryBehind", func(t *testing.T) { tryBehind(t, servers) })
	t.Run("FollowerCutOff", func(t *testing.T) { followerCutOff(t, servers) })
	t.Run("LeaderKilled", func(t *testing.T) { leaderKilled(t, servers) })
}

// A client that one of the servers is cut off from, whichever it is connected to, moves to
// another, with its session and its locks.
func partitionFromEach(t *testing.T, servers []*testserver.Process) {
	proxies := make([]*testserver.Proxy, len(servers))
	through := make([]string, len(servers))
	for i, server := range servers {
		proxies[i] = testserver.NewProxy(t, server.Addr)
		through[i] = proxies[i].Addr
	}
	c := client(t, "zookeeper://"+strings.Join(through, ",")+ofThree, nil)
	held := mustLock(t, c, "partition/held")
	for _, proxy := range proxies {
		proxy.Refuse(true)
		proxy.Cut()
		renewed(t, held)
		must(t, mustLock(t, c, "partition/other").Unlock())
		proxy.Refuse(false)
	}
	must(t, held.Unlock())
}

// renewed waits for a renewal of lock.
func renewed(t *testing.T, lock *pawl.Lock) {
	t.Helper()
	until := lock.Until()
	eventually(t, "a renewal", func() bool { return lock.Until().After(until) || lock.Context().Err() != nil })
	must(t, context.Cause(lock.Context()))
}

// Who asks without waiting gets what has just been given back, also where the server that
// it asks has not heard of that yet.
func tryBehind(t *testing.T, servers []*testserver.Process) {
	ahead := client(t, "zookeeper://"+servers[roleOf(t, servers, "leader")].Addr+ofThree, nil)
	behind := client(t, "zookeeper://"+servers[roleOf(t, servers, "follower")].Addr+ofThree, nil)
	for range 50 {
		lock := mustLock(t, ahead, "behind")
		_, err := behind.TryLock(t.Context(), "behind")
		wantErr(t, "TryLock of what is held", err, driver.ErrHeld)
		must(t, lock.Unlock())
		lock, err = behind.TryLock(t.Context(), "behind")
		must(t, err)
		must(t, lock.Unlock())
	}
}

// The leader dies while locks are held and waited for: they stay, and pass on.
func leaderKilled(t *testing.T, servers []*testserver.Process) {
	url := "zookeeper://" + addrs(servers) + ofThree
	c, other := client(t, url, nil), client(t, url, nil)
	lock := mustLock(t, c, "leader")
	tokens := make(chan uint64, 1)
	failed := make(chan error, 1)
	go func() {
		failed <- other.Do(t.Context(), "leader", func(_ context.Context, lock *pawl.Lock) error {
			tokens <- lock.Token()
			return nil
		})
	}()
	eventually(t, "a waiter", func() bool {
		info, err := c.Inspect(t.Context(), "leader")
		return err == nil && len(info.Waiters) == 1
	})
	servers[roleOf(t, servers, "leader")].Kill()
	renewed(t, lock)
	must(t, lock.Unlock())
	must(t, <-failed)
	if token := <-tokens; token <= lock.Token() {
		t.Errorf("token %d after %d", token, lock.Token())
	}
}
