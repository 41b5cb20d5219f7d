// Package pawl makes one thing happen at a time across goroutines, processes and
// machines, on the engine that you already run.
//
// A Client takes locks by name:
//
//	client, err := backend.Open(ctx, "sqlite:///var/lib/shop/locks.db", nil)
//	...
//	lock, err := client.Lock(ctx, "stock:42")
//	if err != nil {
//		return err
//	}
//	defer lock.Unlock()
//	return sell(lock.Context(), lock.Token())
//
// # What a lock is
//
// A lock is a lease: the backend grants it for a time to live (TTL), and the
// client renews it until Unlock. When the process dies, the lease runs out and
// the next in line gets it.
//
// A lease can also run out while its holder believes in it: the process was
// paused, the network was cut. Two things protect the work then.
//
//   - [Lock.Context] ends at the trust deadline, before the backend lets anyone
//     else in by expiry. Pass it to everything that is done under the lock.
//   - [Lock.Token] is larger than that of every earlier holder. A resource that
//     remembers the largest token it has seen refuses a holder that was paused
//     beyond its lease and does not know it yet. Show it the token before reading
//     what the work rests on, not with the write alone. Package fence has such
//     checks for SQL rows and for HTTP. Nothing else protects from this.
//
// # Goroutines
//
// A Client may be used by many goroutines and is meant to be shared. Those of one
// client that want the same name stand in one local line, which stands in the
// backend's line once for all of them; a lease passes among them without a round
// trip for up to Options.HandoffFor.
package pawl
