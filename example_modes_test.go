package pawl_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl"
)

func ExampleShared() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	one, _ := client.Lock(ctx, "catalogue", pawl.Shared())
	two, _ := client.Lock(ctx, "catalogue", pawl.Shared()) // readers together
	_, err := client.TryLock(ctx, "catalogue")             // writers alone
	fmt.Println("a writer beside readers:", err != nil)

	one.Unlock()
	two.Unlock()
	writer, err := client.TryLock(ctx, "catalogue")
	fmt.Println("a writer alone:", err)
	writer.Unlock()
	// Output:
	// a writer beside readers: true
	// a writer alone: <nil>
}

func ExampleSlots() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	for i := range 3 {
		lock, err := client.TryLock(ctx, "gpu", pawl.Slots(2)) // at most two at once
		if err != nil {
			fmt.Println("job", i, "has to wait:", errors.Is(err, pawl.ErrHeld))
			continue
		}
		defer lock.Unlock()
		fmt.Println("job", i, "runs")
	}
	// Output:
	// job 0 runs
	// job 1 runs
	// job 2 has to wait: true
}

// Two who lock the same tables in opposite orders do not wait for each other: LockAll
// has one order of its own.
func ExampleClient_LockAll() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	locks, err := client.LockAll(ctx, pawl.Want("fact.orders"), pawl.Want("dim.users", pawl.Shared()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer locks.Unlock()

	for _, lock := range locks.All() {
		fmt.Println(lock.Name())
	}
	fmt.Println("all are held:", locks.Context().Err() == nil)
	// Output:
	// dim.users
	// fact.orders
	// all are held: true
}

func ExampleReentrant() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "account:7")
	defer lock.Unlock()
	ctx = lock.Context() // carries the lock to what is called under it

	_, err := client.Lock(ctx, "account:7")
	fmt.Println(err)

	again, err := client.Lock(ctx, "account:7", pawl.Reentrant())
	fmt.Println("same lock:", again.Token() == lock.Token(), err)
	again.Unlock() // lock is still held
	// Output:
	// pawl: lock "account:7": would wait for itself
	// same lock: true <nil>
}
