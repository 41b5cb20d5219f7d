package pawl_test

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/memlock"
)

func ExampleClient_Elect() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	err := client.Elect(ctx, "scheduler", func(ctx context.Context, lock *pawl.Lock) error {
		fmt.Println("leading")
		return ctx.Err() // a real leader works until ctx ends; after a loss it is called again
	})
	fmt.Println("resigned:", err)
	// Output:
	// leading
	// resigned: <nil>
}

func ExampleClient_Inspect() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "report", pawl.Note("monthly figures"))
	defer lock.Unlock()

	info, _ := client.Inspect(ctx, "report")
	for _, holder := range info.Holders {
		fmt.Printf("%s holds %s (%s)\n", holder.Owner, info.Name, holder.Note)
	}
	fmt.Println(len(info.Waiters), "wait")
	// Output:
	// web-1 holds report (monthly figures)
	// 0 wait
}

func ExampleClient_List() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)

	for _, name := range []string{"stock:7", "stock:42", "report"} {
		lock, _ := client.Lock(ctx, name)
		defer lock.Unlock()
	}
	infos, _ := client.List(ctx, "stock:")
	for _, info := range infos {
		fmt.Println(info.Name)
	}
	// Output:
	// stock:42
	// stock:7
}

// Break is safe: the holder is told, and the next one waits until its lease has run
// out.
func ExampleClient_Break() {
	ctx := context.Background()
	store := memlock.NewStore()
	shop, _ := pawl.New(store.Driver(), &pawl.Options{TTL: 50 * time.Millisecond})
	defer shop.Close(ctx)
	operator, _ := pawl.New(store.Driver(), nil)
	defer operator.Close(ctx)

	stuck, _ := shop.Lock(ctx, "import")
	work := stuck.Context()
	fmt.Println("break:", operator.Break(ctx, "import"))

	lock, _ := operator.Lock(ctx, "import")
	defer lock.Unlock()
	fmt.Println("the holder was told:", context.Cause(work))
	fmt.Println(stuck.Unlock())
	// Output:
	// break: <nil>
	// the holder was told: broken: lost
	// pawl: unlock "import": broken: lost
}

// Force is for a holder that is known to be dead: it frees the lock at once.
func ExampleClient_Force() {
	ctx := context.Background()
	store := memlock.NewStore()
	dead, _ := pawl.New(store.Driver(), &pawl.Options{TTL: 50 * time.Millisecond})
	defer dead.Close(ctx)
	operator, _ := pawl.New(store.Driver(), nil)
	defer operator.Close(ctx)

	first, _ := dead.Lock(ctx, "import")
	fmt.Println("force:", operator.Force(ctx, "import"))
	next, err := operator.TryLock(ctx, "import")
	fmt.Println("free:", err == nil, "and the token has risen:", next.Token() > first.Token())
	next.Unlock()
	// Output:
	// force: <nil>
	// free: true and the token has risen: true
}

func ExampleObserver() {
	ctx := context.Background()
	client, _ := pawl.New(memlock.New(), &pawl.Options{
		Observer: pawl.ObserverFunc(func(e pawl.Event) {
			fmt.Println(e.Name, e.Kind) // e.Duration, e.Token and e.Err go into metrics and traces
		}),
	})
	defer client.Close(ctx)

	lock, _ := client.Lock(ctx, "stock:42")
	client.TryLock(ctx, "stock:42")
	lock.Unlock()
	// Output:
	// stock:42 acquired
	// stock:42 released
}
