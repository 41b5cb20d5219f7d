package etcdlock

import (
	"context"

	"github.com/pawl-go/pawl/driver"
)

// WatchEvents returns how many events the watches of d have brought.
func WatchEvents(d driver.Driver) int64 { return d.(*owned).events.Load() }

// KeepAlives returns how many keep-alives d has sent.
func KeepAlives(d driver.Driver) int64 { return d.(*owned).keptAlive.Load() }

// Flights returns how many transactions for locks d has under way that others wait for, and
// how many operations have gathered meanwhile.
func Flights(d driver.Driver) (flights, gathered int) {
	b := &d.(*owned).combiner
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flights, len(b.pending)
}

// AwaitKey waits as somebody in line does who has seen key in revision, when it was there
// since created.
func AwaitKey(ctx context.Context, d driver.Driver, key string, created, revision int64) error {
	w := watch{c: d.(*owned).conn}
	defer w.close()
	return w.await(ctx, &session{gone: make(chan struct{})}, obstacle{key: key, created: created, revision: revision})
}

// OpenWatch opens a watch of key, as waiters do.
func OpenWatch(ctx context.Context, d driver.Driver, key string) error {
	w := watch{c: d.(*owned).conn}
	defer w.close()
	return w.open(ctx, obstacle{key: key})
}
