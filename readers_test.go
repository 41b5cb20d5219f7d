package pawl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

func TestSharedWithShared(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		readers := []*pawl.Lock{mustLock(t, a, "x", pawl.Shared()), mustLock(t, b, "x", pawl.Shared())}
		for _, c := range []*pawl.Client{a, b} {
			_, err := c.TryLock(t.Context(), "x")
			wantErr(t, err, pawl.ErrHeld, "x")
		}
		mustUnlock(t, readers[0])
		if _, err := a.TryLock(t.Context(), "x"); err == nil {
			t.Error("one reader's release has dropped all readers")
		}
		mustUnlock(t, readers[1])
		writer := mustLock(t, a, "x")
		_, err := b.TryLock(t.Context(), "x", pawl.Shared())
		wantErr(t, err, pawl.ErrHeld, "x")
		mustUnlock(t, writer)
	})
}

func TestLocalReadersShareOneLease(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		first := mustLock(t, c, "x", pawl.Shared())
		second := mustLock(t, c, "x", pawl.Shared())
		third, err := c.TryLock(t.Context(), "x", pawl.Shared())
		if err != nil {
			t.Fatal(err)
		}
		if second.Token() != first.Token()+1 || third.Token() != first.Token()+2 {
			t.Errorf("tokens %d, %d, %d", first.Token(), second.Token(), third.Token())
		}
		if acquires, _, _ := f.counts(); acquires != 1 {
			t.Errorf("%d requests, want 1", acquires)
		}
		ctx := second.Context()
		mustUnlock(t, first, third)
		if ctx.Err() != nil || len(w.inspect("x").Holders) != 1 {
			t.Error("given back before the last reader left")
		}
		mustUnlock(t, second)
		w.free("x")
	})
}

// The shared lease closes to newcomers on the budget of handoffs; they get one of
// their own, and the old readers go on.
func TestSharedLeaseCloses(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		old := mustLock(t, c, "x", pawl.Shared())
		time.Sleep(pawl.DefaultHandoffFor)
		young := mustLock(t, c, "x", pawl.Shared())
		if sameLease(old, young) {
			t.Error("the shared lease is open for too long")
		}
		if !sameLease(young, mustLockFor(t, c, "x")) {
			t.Error("the second lease is not shared")
		}
		mustUnlock(t, old)
		time.Sleep(time.Hour)
		if young.Context().Err() != nil {
			t.Error("the leaving of old readers ended young ones")
		}
		mustUnlock(t, young)
		w.free("x")
	})
}

// mustLockFor takes a shared lock and unlocks it at once.
func mustLockFor(t *testing.T, c *pawl.Client, name string) *pawl.Lock {
	lock := mustLock(t, c, name, pawl.Shared())
	mustUnlock(t, lock)
	return lock
}

func TestSharedLeaseHas256Tokens(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		other := w.client(nil)
		c := w.client(nil)
		writer := mustLock(t, other, "x")
		waiting := queue(t, 300, c, "x", pawl.Shared())
		mustUnlock(t, writer)
		tokens := make(map[uint64]bool)
		for i, p := range waiting {
			if got := p.got(t); sameLease(waiting[0].lock, got) != (i < 256) {
				t.Errorf("reader %d has token %#x", i, got.Token())
			}
			tokens[p.lock.Token()] = true
		}
		if len(tokens) != 300 || len(w.inspect("x").Holders) != 2 {
			t.Errorf("%d tokens on %d leases, want 300 on 2", len(tokens), len(w.inspect("x").Holders))
		}
		for _, p := range waiting {
			mustUnlock(t, p.lock)
		}
	})
}

// A stream of local readers does not starve a writer elsewhere, nor one here.
func TestReadersDoNotStarveAWriter(t *testing.T) {
	for _, where := range []string{"elsewhere", "here"} {
		t.Run(where, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				readers, writers := w.client(nil), w.client(nil)
				if where == "here" {
					writers = readers
				}
				ctx, stop := context.WithCancel(t.Context())
				for i := range 3 { // always at least one of them reads
					go func() {
						time.Sleep(time.Duration(i) * time.Millisecond)
						for ctx.Err() == nil {
							lock, err := readers.Lock(ctx, "x", pawl.Shared())
							if err != nil {
								return
							}
							time.Sleep(3 * time.Millisecond)
							mustUnlock(t, lock)
						}
					}()
				}
				time.Sleep(5 * time.Millisecond)
				start := time.Now()
				writer := mustLock(t, writers, "x")
				if took := time.Since(start); took > 2*pawl.DefaultHandoffFor {
					t.Errorf("the writer got it after %v", took)
				}
				stop()
				mustUnlock(t, writer)
				synctest.Wait()
			})
		})
	}
}

// slowly delays the driver's answers to requests that do not wait.
func slowly(f *faults, delay time.Duration) func(context.Context, driver.Request) (driver.Lease, error) {
	return func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		lease, err := f.fullDriver.Acquire(ctx, req)
		if req.NoWait {
			time.Sleep(delay)
		}
		return lease, err
	}
}

// A reader who joins those whose contexts have ended revives the renewals.
func TestReaderRevivesRenewals(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(&pawl.Options{HandoffFor: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		gone := mustLockCtx(t, ctx, c, "x", pawl.Shared())
		cancel()
		time.Sleep(renewal + time.Second) // its renewal was due and left out
		reader := mustLock(t, c, "x", pawl.Shared())
		if !sameLease(gone, reader) {
			t.Fatal("the lease was not shared")
		}
		time.Sleep(time.Hour)
		if err := reader.Context().Err(); err != nil {
			t.Errorf("not renewed: %v", context.Cause(reader.Context()))
		}
		mustUnlock(t, gone, reader)
	})
}
