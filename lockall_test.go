package pawl_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

func TestLockAllTakesInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		locks, err := c.LockAll(t.Context(), pawl.Want("c"), pawl.Want("a", pawl.Shared()), pawl.Want("B"), pawl.Want("aa"))
		if err != nil {
			t.Fatal(err)
		}
		var asked, got, released []string
		for _, req := range f.acquires {
			asked = append(asked, req.Name)
		}
		for _, lock := range locks.All() {
			got = append(got, lock.Name())
		}
		mustUnlock(t, locks)
		for _, req := range f.releases {
			released = append(released, req.Name)
		}
		order := []string{"B", "a", "aa", "c"}
		if diff := cmp.Diff(order, asked) + cmp.Diff(order, got) + cmp.Diff([]string{"c", "aa", "a", "B"}, released); diff != "" {
			t.Error(diff)
		}
		if f.acquires[1].Mode != driver.Shared {
			t.Error("an option of Want is not applied")
		}
		if len(w.list("")) > 0 {
			t.Error("Unlock leaves something")
		}
		if none, err := c.LockAll(t.Context()); err != nil || none.Unlock() != nil {
			t.Errorf("LockAll of nothing: %v", err)
		}
	})
}

func TestLockAllOrNone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(nil), w.client(nil)
		held := mustLock(t, a, "m")
		want := []pawl.Wanted{pawl.Want("z"), pawl.Want("m", pawl.Wait(time.Second)), pawl.Want("a")}
		_, err := b.LockAll(t.Context(), want...)
		wantErr(t, err, pawl.ErrHeld, "m")
		var heldErr *pawl.HeldError
		if !errors.As(err, &heldErr) {
			t.Errorf("%T is no *HeldError", err)
		}
		w.free("a")
		w.free("z")
		mustUnlock(t, held)
	})
}

// Wait runs from the call of LockAll, for all of its locks together.
func TestLockAllWaitsFromItsCall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, other := w.client(nil), w.client(nil)
		a, b := mustLock(t, other, "a"), mustLock(t, other, "b")
		start := time.Now()
		time.AfterFunc(2*time.Second, func() { mustUnlock(t, a) })
		wait := pawl.Wait(3 * time.Second)
		_, err := c.LockAll(t.Context(), pawl.Want("a", wait), pawl.Want("b", wait))
		wantErr(t, err, pawl.ErrHeld, "b")
		wantDuration(t, "LockAll ended", time.Since(start), 3*time.Second)
		w.free("a")

		start = time.Now()
		a = mustLock(t, other, "a")
		time.AfterFunc(2*time.Second, func() { mustUnlock(t, a) })
		_, err = c.LockAll(t.Context(), pawl.Want("a"), pawl.Want("b", pawl.Wait(time.Second)))
		wantErr(t, err, pawl.ErrHeld, "b")
		wantDuration(t, "LockAll ended", time.Since(start), 2*time.Second) // b's wait was over
		mustUnlock(t, b)
	})
}

func TestLockAllRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		lock := mustLock(t, c, "m")
		ctx := lock.Context()
		tests := []struct {
			ctx  context.Context
			want []pawl.Wanted
			err  error
			name string // which the error is about
		}{
			{t.Context(), []pawl.Wanted{pawl.Want("a"), pawl.Want("a", pawl.Shared())}, pawl.ErrDeadlock, "a"},
			{t.Context(), []pawl.Wanted{pawl.Want("a"), pawl.Want("")}, pawl.ErrInvalidName, ""},
			{t.Context(), []pawl.Wanted{pawl.Want("a"), pawl.Want("b", pawl.Wait(-1))}, pawl.ErrInvalidOption, "b"},
			{ctx, []pawl.Wanted{pawl.Want("m")}, pawl.ErrDeadlock, "m"},
			{ctx, []pawl.Wanted{pawl.Want("z"), pawl.Want("a")}, pawl.ErrDeadlock, "a"},
			{ctx, []pawl.Wanted{pawl.Want("a"), pawl.Want("m", pawl.Reentrant())}, pawl.ErrDeadlock, "a"},
		}
		for _, test := range tests {
			_, err := c.LockAll(test.ctx, test.want...)
			if !errors.Is(err, test.err) {
				t.Errorf("LockAll(%+v): %v, want %v", test.want, err, test.err)
			}
		}
		if acquires, _, _ := f.counts(); acquires != 1 {
			t.Error("took a lock before it refused")
		}
		locks, err := c.LockAll(ctx, pawl.Want("m", pawl.Reentrant()), pawl.Want("z"))
		if err != nil {
			t.Fatal(err)
		}
		mustUnlock(t, lock, locks)
	})
}

// Two who want the same locks in opposite orders do not wait in a circle.
func TestLockAllWithOppositeOrders(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		done := make(chan error)
		for i := range 2 {
			c := w.client(nil)
			want := []pawl.Wanted{pawl.Want("a"), pawl.Want("b")}
			if i == 1 {
				want[0], want[1] = want[1], want[0]
			}
			go func() {
				for range 100 {
					locks, err := c.LockAll(t.Context(), want...)
					if err != nil {
						done <- err
						return
					}
					time.Sleep(time.Millisecond)
					mustUnlock(t, locks)
				}
				done <- nil
			}()
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})
}

func TestLocksUnlockAllAlthoughOneFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		locks, err := c.LockAll(t.Context(), pawl.Want("a"), pawl.Want("b"), pawl.Want("c"))
		if err != nil {
			t.Fatal(err)
		}
		mustUnlock(t, locks.All()[2])
		err = locks.Unlock()
		wantErr(t, err, pawl.ErrNotHeld, "c")
		for _, name := range []string{"a", "b", "c"} {
			w.free(name)
		}
	})
}

func TestLocksContext(t *testing.T) {
	for _, lost := range []int{0, 1} {
		bubbleName := []string{"the first is lost", "the last is lost"}[lost]
		t.Run(bubbleName, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				c := w.client(nil)
				want := []pawl.Wanted{pawl.Want("a"), pawl.Want("b")}
				want[lost] = pawl.Want([]string{"a", "b"}[lost], pawl.NoRenew())
				start := time.Now()
				locks, err := c.LockAll(t.Context(), want...)
				if err != nil {
					t.Fatal(err)
				}
				wantDuration(t, "the context ended", ended(t, locks.Context(), start, pawl.ErrLost), trusted)
				if err := locks.Unlock(); !errors.Is(err, pawl.ErrLost) {
					t.Errorf("Unlock: %v", err)
				}
			})
		})
	}
}
