package drivertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// LockAll takes all or none.
func lockAllOrNone(t *testing.T, e *env) {
	client := e.client(t, nil)
	a, b, c := e.name("a"), e.name("b"), e.name("c")
	held := e.lock(t, e.client(t, nil), b)
	_, err := client.LockAll(t.Context(), pawl.Want(c, pawl.Wait(0)), pawl.Want(a, pawl.Wait(0)), pawl.Want(b, pawl.Wait(0)))
	wantErr(t, "LockAll with one of them held", err, pawl.ErrHeld)
	_, err = client.LockAll(t.Context(), pawl.Want(c, pawl.Wait(patience)), pawl.Want(a, pawl.Wait(patience)), pawl.Want(b, pawl.Wait(30*time.Millisecond)))
	wantErr(t, "LockAll with one of them held, at the end of Wait", err, pawl.ErrHeld)
	e.isFree(t, e.look, a)
	e.isFree(t, e.look, c)
	unlock(t, held)

	locks, err := client.LockAll(t.Context(), pawl.Want(c, pawl.Wait(patience)), pawl.Want(a, pawl.Wait(patience)), pawl.Want(b, pawl.Wait(patience)))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{a, b, c} {
		if got := locks.All()[i].Name(); got != name {
			t.Errorf("lock %d is %q, want %q", i, got, name)
		}
		e.isHeld(t, e.look, name)
	}
	if err := locks.Unlock(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{a, b, c} {
		e.isFree(t, e.look, name)
	}
}

// Those who want the same locks in opposite orders do not wait for each other.
func lockAllOppositeOrders(t *testing.T, e *env) {
	want := make([]pawl.Wanted, 4)
	for i := range want {
		want[i] = pawl.Want(e.name(fmt.Sprint(i)))
	}
	inParallel(t, 4, func(i int) error {
		client, order := e.client(t, nil), slices.Clone(want)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for range 8 {
			locks, err := client.LockAll(t.Context(), order...)
			if err != nil {
				return err
			}
			if err := locks.Unlock(); err != nil {
				return err
			}
		}
		return nil
	})
}

// A context that holds a lock cannot ask for it again, unless it says that it means a
// re-entry, which has the same token and is unlocked once more.
func lockTwice(t *testing.T, e *env) {
	name, client := e.name("stock:42"), e.client(t, nil)
	lock := e.lock(t, client, name)
	_, err := client.Lock(lock.Context(), name, pawl.Wait(patience))
	wantErr(t, "Lock of what the context holds", err, pawl.ErrDeadlock)
	again, err := client.Lock(lock.Context(), name, pawl.Reentrant(), pawl.Wait(patience))
	if err != nil {
		t.Fatal(err)
	}
	if again.Token() != lock.Token() {
		t.Errorf("a re-entry has token %d, want %d", again.Token(), lock.Token())
	}
	unlock(t, lock)
	e.isHeld(t, e.look, name)
	unlock(t, again)
	e.isFree(t, e.look, name)
}
