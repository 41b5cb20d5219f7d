package zklock_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// trailOf locks name alone, so often that the next time is the first without a list, and
// returns the number that its node will have.
func trailOf(t *testing.T, d driver.Driver, name string) (next int) {
	t.Helper()
	for next = range 3 {
		must(t, d.Release(t.Context(), acquire(t, d, request(d, name)).Request))
	}
	return next + 1
}

// contend creates a node in the line of path for somebody else.
func contend(t *testing.T, raw *zk.Conn, path string) {
	t.Helper()
	_, err := raw.Create(path+"/_c_0f0e0d0c-0b0a-8908-8706-050403020100-lock-", nil, zk.FlagEphemeralSequential, zk.WorldACL(zk.PermAll))
	must(t, err)
}

// A client that was alone under a name does not list its line when it comes back, and
// sees all the same who has come meanwhile.
func TestSomebodyBetween(t *testing.T) {
	t.Parallel()
	server := one(t)
	d, raw := mustOpen(t, "zookeeper://"+server.Addr+settings), rawConn(t, server.Addr)
	trailOf(t, d, "between")
	contend(t, raw, "/between")
	_, err := d.Acquire(t.Context(), request(d, "between", noWait))
	wantErr(t, "Acquire of what somebody else holds", err, driver.ErrHeld)
}

// The mark of a holder id that was given up is seen, too.
func TestGivenUpBetween(t *testing.T) {
	t.Parallel()
	url := "zookeeper://" + one(t).Addr + settings
	d, other := mustOpen(t, url), mustOpen(t, url)
	trailOf(t, d, "given-up-between")
	req := request(d, "given-up-between")
	must(t, other.Release(t.Context(), req))
	_, err := d.Acquire(t.Context(), req)
	wantErr(t, "Acquire of what was given up", err, driver.ErrLost)
}

// Of those who come back at the same time, one holds and the others wait, and get tokens
// that rise, although their nodes may be made together.
func TestManyFollow(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, "zookeeper://"+one(t).Addr+settings)
	var names sync.WaitGroup
	for i := range 8 { // so that there is something under way
		names.Go(func() {
			name := fmt.Sprint("follow-", i)
			trailOf(t, d, name)
			var holders atomic.Int32
			var last atomic.Uint64
			var group sync.WaitGroup
			for range 40 {
				for range 3 {
					group.Go(func() {
						lease, err := d.Acquire(t.Context(), request(d, name))
						if err != nil || holders.Add(1) != 1 || last.Swap(lease.Token) >= lease.Token {
							t.Errorf("%s: %d hold, token %d: %v", name, holders.Load(), lease.Token, err)
						}
						holders.Add(-1)
						if err := d.Release(t.Context(), lease.Request); err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
			}
		})
	}
	names.Wait()
}

// A folder that was deleted and made again numbers its nodes from the beginning: the
// number that would come next says nothing there.
func TestFolderMadeAgain(t *testing.T) {
	t.Parallel()
	server := one(t)
	d, raw := mustOpen(t, "zookeeper://"+server.Addr+settings), rawConn(t, server.Addr)
	makeAgain(t, raw, "/again", trailOf(t, d, "again"))
	_, err := d.Acquire(t.Context(), request(d, "again", noWait))
	wantErr(t, "Acquire of what somebody else holds", err, driver.ErrHeld)
}

// makeAgain deletes the folder at path and makes it again with somebody in line, such that
// the next node has the number next.
func makeAgain(t *testing.T, raw *zk.Conn, path string, next int) {
	t.Helper()
	if err := raw.Delete(path, -1); !errors.Is(err, zk.ErrNoNode) { // the server may have been faster
		must(t, err)
	}
	_, err := raw.Create(path, nil, 0, zk.WorldACL(zk.PermAll))
	must(t, err)
	for range next {
		contend(t, raw, path)
	}
}

// The same while the client is away, which then asks before it is told anything.
func TestFolderMadeAgainMeanwhile(t *testing.T) {
	t.Parallel()
	server := one(t)
	proxy := testserver.NewProxy(t, server.Addr)
	d, raw := mustOpen(t, "zookeeper://"+proxy.Addr+settings), rawConn(t, server.Addr)
	names := make([]string, 10) // some of which go-zookeeper asks for first
	next := make([]int, len(names))
	for i := range names {
		names[i] = fmt.Sprint("meanwhile-", i)
		next[i] = trailOf(t, d, names[i])
	}
	proxy.Refuse(true)
	proxy.Cut()
	for i, name := range names {
		makeAgain(t, raw, "/"+name, next[i])
	}
	asked := make([]*pending, len(names))
	for i, name := range names {
		asked[i] = start(t, d, request(d, name, noWait))
	}
	proxy.Refuse(false)
	for i, p := range asked {
		await(t, "an answer", p.done)
		wantErr(t, "Acquire of "+names[i]+", which somebody else holds", p.err, driver.ErrHeld)
	}
}

// Who waits learns that its node was deleted at once, and not by being let in after the
// one before it.
func TestWaiterDeleted(t *testing.T) {
	t.Parallel()
	server := one(t)
	d, raw := mustOpen(t, "zookeeper://"+server.Addr+settings), rawConn(t, server.Addr)
	first := acquire(t, d, request(d, "deleted"))
	before, _, err := raw.Children("/deleted")
	must(t, err)
	waits := start(t, d, request(d, "deleted"))
	inLine(t, d, "deleted", 1)
	children, _, err := raw.Children("/deleted")
	must(t, err)
	for _, child := range children {
		if child != before[0] {
			must(t, raw.Delete("/deleted/"+child, -1))
		}
	}
	must(t, raw.Delete("/deleted/"+before[0], -1))
	await(t, "the end of an Acquire", waits.done)
	wantErr(t, "Acquire whose node was deleted", waits.err, driver.ErrLost)
	must(t, d.Release(t.Context(), first.Request))
}

// Locks that are released together travel together; that the node of one is gone already
// is no matter to the others.
func TestReleasedTogether(t *testing.T) {
	t.Parallel()
	server := one(t)
	d, raw := mustOpen(t, "zookeeper://"+server.Addr+settings), rawConn(t, server.Addr)
	leases := make([]driver.Lease, 40)
	for i := range leases {
		leases[i] = acquire(t, d, request(d, fmt.Sprint("together-", i)))
	}
	for i := 0; i < len(leases); i += 7 {
		children, _, _ := raw.Children("/" + leases[i].Name)
		for _, child := range children {
			_ = raw.Delete("/"+leases[i].Name+"/"+child, -1) // it may have run out
		}
	}
	var group sync.WaitGroup
	errs := make([]error, len(leases))
	for i, lease := range leases {
		group.Go(func() { errs[i] = d.Release(t.Context(), lease.Request) })
	}
	group.Wait()
	must(t, errors.Join(errs...))
	for _, lease := range leases {
		if children, _, _ := raw.Children("/" + lease.Name); len(children) > 0 { // an empty folder may be gone
			t.Errorf("%s: %v, want no nodes", lease.Name, children)
		}
	}
}
