package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/memlock"
)

// open returns a client for the examples. In real code it comes from backend.Open,
// or from pawl.New with the driver of an engine that all machines reach.
func open() *pawl.Client {
	client, err := pawl.New(memlock.New(), &pawl.Options{Owner: "web-1"})
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleClient_Lock() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, err := client.Lock(ctx, "stock:42") // waits in line
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lock.Unlock()

	fmt.Println("selling", lock.Name(), "until", lock.Context().Err())
	// Output: selling stock:42 until <nil>
}

func ExampleClient_TryLock() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "report")
	defer lock.Unlock()

	_, err := client.TryLock(ctx, "report")
	var held *pawl.HeldError
	if errors.As(err, &held) {
		fmt.Printf("%s is busy with %s\n", held.Owner, held.Name)
	}
	// Output: web-1 is busy with report
}

func ExampleWait() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "report")
	defer lock.Unlock()

	_, err := client.Lock(ctx, "report", pawl.Wait(10*time.Millisecond))
	fmt.Println("held by somebody else:", errors.Is(err, pawl.ErrHeld))
	// Output: held by somebody else: true
}

func ExampleClient_Do() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	err := client.Do(ctx, "nightly-report", func(ctx context.Context, lock *pawl.Lock) error {
		fmt.Println("writing the report under", lock.Name())
		return ctx.Err() // over when the lock is lost
	})
	fmt.Println("error:", err)
	// Output:
	// writing the report under nightly-report
	// error: <nil>
}

// MaxHold ends work that is stuck, where renewals would go on for ever.
func ExampleMaxHold() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "import", pawl.MaxHold(10*time.Millisecond))
	defer lock.Unlock()

	<-lock.Context().Done() // stuck
	fmt.Println(context.Cause(lock.Context()))
	// Output: held for MaxHold of 10ms: lost
}

func ExampleTTL() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	// When this process dies, the next in line waits for 2 s instead of the default 15 s.
	lock, _ := client.Lock(ctx, "leader", pawl.TTL(2*time.Second))
	defer lock.Unlock()

	fmt.Println("trusted for less than 2s:", time.Until(lock.Until()) < 2*time.Second)
	// Output: trusted for less than 2s: true
}

// A fixed lease: nothing is done within the TTL but what was asked for.
func ExampleNoRenew() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "slot:9am", pawl.NoRenew(), pawl.TTL(20*time.Millisecond))
	<-lock.Context().Done()
	fmt.Println(lock.Unlock())
	// Output: pawl: unlock "slot:9am": lost: not renewed before its trust deadline
}

func ExampleClient_Close() {
	ctx := context.Background()
	client := open()
	lock, _ := client.Lock(ctx, "stock:42")

	go func() {
		<-lock.Context().Done() // Close asks the work to stop, and waits for it
		fmt.Println("winding up:", context.Cause(lock.Context()))
		lock.Unlock()
	}()
	fmt.Println("closed:", client.Close(ctx))

	_, err := client.Lock(ctx, "stock:42")
	fmt.Println(err)
	// Output:
	// winding up: closed
	// closed: <nil>
	// pawl: lock "stock:42": closed
}
