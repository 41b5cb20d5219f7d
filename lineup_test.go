package pawl_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
)

// sameLease reports whether two locks rest on one lease of the backend.
func sameLease(a, b *pawl.Lock) bool { return a.Token()>>8 == b.Token()>>8 }

func TestHandoff(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "x")
		if lock.Token()&0xff != 0 {
			t.Errorf("the first token is %#x", lock.Token())
		}
		for i, next := range queue(t, 3, c, "x") {
			if next.isDone() {
				t.Fatal("two hold x")
			}
			mustUnlock(t, lock)
			after := next.got(t)
			if want := lock.Token() + 1; after.Token() != want {
				t.Errorf("handoff %d has token %d, want %d", i+1, after.Token(), want)
			}
			lock = after
		}
		acquires, _, releases := f.counts()
		if acquires != 1 || releases != 0 {
			t.Errorf("%d requests and %d releases, want 1 and 0: the lease passes without a round trip", acquires, releases)
		}
		mustUnlock(t, lock)
		w.free("x")
	})
}

func TestHandoffEndsAfter255Turns(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "x")
		first := lock
		for i, next := range queue(t, 300, c, "x") {
			mustUnlock(t, lock)
			got := next.got(t)
			if got.Token() <= lock.Token() {
				t.Fatalf("token %d after %d", got.Token(), lock.Token())
			}
			if same := sameLease(first, got); same != (i < 255) {
				t.Fatalf("handoff %d on the first lease: %v", i+1, same)
			}
			lock = got
		}
		if acquires, _, releases := f.counts(); acquires != 2 || releases != 1 {
			t.Errorf("%d requests and %d releases, want 2 and 1", acquires, releases)
		}
		mustUnlock(t, lock)
	})
}

func TestHandoffFor(t *testing.T) {
	tests := map[string]struct {
		handoffFor, held time.Duration
		passes           bool
	}{
		"default, within":  {0, pawl.DefaultHandoffFor - 1, true},
		"default, over":    {0, pawl.DefaultHandoffFor, false},
		"within":           {time.Second, time.Second - 1, true},
		"over":             {time.Second, time.Second, false},
		"off":              {-1, 0, false},
		"long, half trust": {time.Hour, trusted - ttl/2 - 1, true},
		"long, less trust": {time.Hour, trusted - ttl/2, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c, f := w.faulty(&pawl.Options{HandoffFor: test.handoffFor})
				f.failRenewals(errFault) // so that trust goes down
				lock := mustLock(t, c, "x")
				next := queue(t, 1, c, "x")[0]
				time.Sleep(test.held)
				mustUnlock(t, lock)
				got := next.got(t)
				if sameLease(lock, got) != test.passes {
					t.Errorf("passed on: %v, want %v", !test.passes, test.passes)
				}
				mustUnlock(t, got)
			})
		})
	}
}

// When the time of passing on is over, those elsewhere who have waited longer come
// first.
func TestHandoffDoesNotStarveOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		elsewhere := queue(t, 1, b, "x")[0]
		local := queue(t, 2, a, "x")
		time.Sleep(10 * time.Second)
		mustUnlock(t, lock)
		if !elsewhere.isDone() || local[0].isDone() {
			t.Fatal("long critical sections of one client keep another waiting for more than one of them")
		}
		mustUnlock(t, elsewhere.got(t))
		mustUnlock(t, local[0].got(t))
		mustUnlock(t, local[1].got(t))
	})
}

func TestNotHandedOn(t *testing.T) {
	tests := map[string][]pawl.LockOption{
		"TTL":     {pawl.TTL(time.Minute)},
		"mode":    {pawl.Shared()},
		"NoRenew": {pawl.NoRenew()},
		"MaxHold": {pawl.MaxHold(time.Minute)},
		"Note":    {pawl.Note("mine")},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.client(nil)
				for range 2 { // from a plain lock to the other, and back
					plain, other := mustLock(t, c, "x"), queue(t, 1, c, "x", opts...)[0]
					mustUnlock(t, plain)
					lock := other.got(t)
					if sameLease(plain, lock) {
						t.Error("handed on to one who wants it otherwise")
					}
					back := queue(t, 1, c, "x")[0]
					mustUnlock(t, lock)
					if sameLease(lock, back.got(t)) {
						t.Error("handed on to one who wants it otherwise")
					}
					mustUnlock(t, back.lock)
				}
			})
		})
	}
}

func TestSlotsTakeALeaseEach(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		slots := []*pawl.Lock{
			mustLock(t, a, "gpu", pawl.Slots(3)), mustLock(t, a, "gpu", pawl.Slots(3)), mustLock(t, b, "gpu", pawl.Slots(3)),
		}
		if n := len(w.inspect("gpu").Holders); n != 3 {
			t.Errorf("%d leases for 3 slots", n)
		}
		_, err := a.TryLock(t.Context(), "gpu", pawl.Slots(3))
		wantErr(t, err, pawl.ErrHeld, "gpu")
		for _, opts := range [][]pawl.LockOption{nil, {pawl.Slots(4)}, {pawl.Shared()}} {
			_, err = a.Lock(t.Context(), "gpu", opts...)
			wantErr(t, err, pawl.ErrInvalidOption, "gpu")
		}
		fourth := queue(t, 1, a, "gpu", pawl.Slots(3))[0]
		if fourth.isDone() {
			t.Fatal("four hold three slots")
		}
		mustUnlock(t, slots[1])
		mustUnlock(t, fourth.got(t), slots[0], slots[2])
		w.free("gpu")
	})
}

// Requests of one client in the same way stand in the backend's line once.
func TestOneStandForAll(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		lock := mustLock(t, a, "x")
		waiting := queue(t, 5, b, "x")
		if n := len(w.inspect("x").Waiters); n != 1 {
			t.Errorf("%d in the backend's line, want 1", n)
		}
		mustUnlock(t, lock)
		var last uint64
		for _, p := range waiting {
			if got := p.got(t); got.Token() <= last {
				t.Error("not first come first served")
			}
			last = p.lock.Token()
			mustUnlock(t, p.lock)
		}
	})
}

// Goroutines that come while the first one still asks the backend wait for its
// answer, and it comes before them when it has to wait.
func TestFirstAskerStaysFirst(t *testing.T) {
	for _, granted := range []bool{true, false} {
		t.Run(map[bool]string{true: "granted", false: "refused"}[granted], func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				other := w.client(nil)
				c, f := w.faulty(nil)
				var held *pawl.Lock
				if !granted {
					held = mustLock(t, other, "x")
				}
				f.onAcquire(slowly(f, time.Second))
				all := queue(t, 3, c, "x")
				if acquires, _, _ := f.counts(); acquires != 1 {
					t.Errorf("%d requests while the first is under way", acquires)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if !granted {
					mustUnlock(t, held)
				}
				for _, p := range all {
					p.got(t)
					mustUnlock(t, p.lock)
				}
				if all[1].lock.Token() <= all[0].lock.Token() || all[2].lock.Token() <= all[1].lock.Token() {
					t.Error("not first come first served")
				}
			})
		})
	}
}
