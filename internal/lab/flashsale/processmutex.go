package flashsale

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/internal/lab"
)

var processMutex = lab.Strategy{
	Name: "process-mutex",
	Line: "read-then-write under a sync.Mutex",
	Why: "Right in one process. Every further process has a mutex of its own, which knows nothing of the others: " +
		"it breaks on the day of the second instance.",
	Expect:  func(s lab.Setup) lab.Outcome { return races(s).If(s.Procs > 1 && s.Buyers > 1) },
	OneLock: true,
	New: func(env *lab.Env) lab.Serve {
		var mu sync.Mutex
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			return buyByReading(ctx, env, buyer)
		}
	},
}
