package zklock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/internal/testserver"
)

// An uncontended lock costs two requests in one round trip, and its release one.
func TestRequestsOfALock(t *testing.T) {
	t.Parallel()
	const locks, perLock = 200, 3
	server := testserver.ZooKeeper(t, 1)[0]
	d := mustOpen(t, "zookeeper://"+server.Addr+settings)
	once := func() { must(t, d.Release(t.Context(), acquire(t, d, request(d, "requests")).Request)) }
	once() // which makes the folders
	before := received(t, server.Addr)
	for range locks {
		once()
	}
	// Besides, the session speaks from time to time, and a line is listed again when its
	// request went out first.
	requests := received(t, server.Addr) - before
	t.Logf("%.3f requests a lock", float64(requests)/locks)
	if requests > locks*perLock*11/10 {
		t.Errorf("%d requests for %d locks, want %d for each", requests, locks, perLock)
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
