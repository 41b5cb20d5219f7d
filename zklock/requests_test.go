package zklock_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// What locks cost, in requests to a server that nobody else uses. Besides, each session
// says something five times in a tick, unless it has said something else.
func TestRequests(t *testing.T) {
	t.Parallel()
	server := testserver.ZooKeeper(t, 1)[0]
	url := "zookeeper://" + server.Addr + settings
	t.Run("Lock", func(t *testing.T) { requestsOfLocks(t, server.Addr, mustOpen(t, url)) })
	t.Run("Handoff", func(t *testing.T) { requestsOfHandoffs(t, server.Addr, mustOpen(t, url), mustOpen(t, url)) })
	t.Run("Renew", func(t *testing.T) { requestsOfRenewals(t, server.Addr, mustOpen(t, url)) })
}

// costs checks that so many turns cost so many requests each, or up to a tenth more,
// besides those that turn returns.
func costs(t *testing.T, addr string, turns, each int, turn func() (besides int)) {
	t.Helper()
	turn() // which makes the folders
	turn() // which watches them
	before := received(t, addr)
	for range turns {
		before += turn()
	}
	requests := received(t, addr) - before
	t.Logf("%.3f requests", float64(requests)/float64(turns))
	if requests > turns*each*11/10 {
		t.Errorf("%d requests for %d turns, want %d for each", requests, turns, each)
	}
}

// A name that nobody else uses costs a request for the lock and one for its release.
func requestsOfLocks(t *testing.T, addr string, d driver.Driver) {
	costs(t, addr, 200, 2, func() int {
		must(t, d.Release(t.Context(), acquire(t, d, request(d, "lock")).Request))
		return 0
	})
}

// A lock that passes on costs its node, a list, two watches and its release: who was
// next to the holder does not list the line again.
func requestsOfHandoffs(t *testing.T, addr string, d, other driver.Driver) {
	lease := acquire(t, d, request(d, "handoff"))
	watches := 2 // by who waits
	costs(t, addr, 100, 5, func() (looks int) {
		next := start(t, other, request(other, "handoff"))
		eventually(t, "the watches", func() bool {
			looks++
			set := 0
			for path, sessions := range watchesByPath(t, addr) {
				if strings.HasPrefix(path, "/handoff/") {
					set += sessions
				}
			}
			return set == watches
		})
		must(t, d.Release(t.Context(), lease.Request))
		lease = next.wait(t)
		d, other, watches = other, d, 3 // and by who holds after it has waited
		return looks
	})
	must(t, d.Release(t.Context(), lease.Request))
}

// Renewals that come together share a request.
func requestsOfRenewals(t *testing.T, addr string, d driver.Driver) {
	leases := make([]driver.Lease, 50)
	for i := range leases {
		leases[i] = acquire(t, d, request(d, fmt.Sprint("renew-", i)))
	}
	costs(t, addr, 10, 15, func() int {
		var group sync.WaitGroup
		for i := range leases {
			group.Go(func() {
				for _, r := range d.Renew(t.Context(), leases[i:i+1]) {
					if r.Err != nil {
						t.Error(r.Err)
					}
				}
			})
		}
		group.Wait()
		return 0
	})
	for _, lease := range leases {
		must(t, d.Release(t.Context(), lease.Request))
	}
}

// received returns how many requests the server at addr has had.
func received(t *testing.T, addr string) (n int) {
	t.Helper()
	_, count, _ := strings.Cut(fourLetters(t, addr, "srvr"), "Received: ")
	_, err := fmt.Sscan(count, &n)
	must(t, err)
	return n
}
