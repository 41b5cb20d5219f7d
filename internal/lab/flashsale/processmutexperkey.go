package flashsale

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/internal/lab"
)

var processMutexPerKey = lab.Strategy{
	Name: "process-mutex-per-key",
	Line: "read-then-write under a sync.Mutex for each product",
	Why: "Buyers of different products do not wait for each other any more. Otherwise it is the one mutex again: " +
		"right in one process, and nothing between two.",
	Expect: processMutex.Expect,
	New: func(env *lab.Env) lab.Serve {
		var locks sync.Map // product: *sync.Mutex
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			lock, _ := locks.LoadOrStore(productOf(env.Setup, buyer), new(sync.Mutex))
			mu := lock.(*sync.Mutex)
			mu.Lock()
			defer mu.Unlock()
			return buyByReading(ctx, env, buyer)
		}
	},
}
