package leave

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/internal/lab"
)

var processMutexPerKey = lab.Strategy{
	Name: "process-mutex-per-key",
	Line: "read-then-write under a sync.Mutex for each employee",
	Why: "Right in one process, and requests of different employees do not wait for each other. Every further process " +
		"has mutexes of its own: it breaks on the day of the second instance.",
	Expect: func(s lab.Setup) lab.Outcome { return overdrawn(s).If(s.Procs > 1 && s.Buyers > 1) },
	New: func(env *lab.Env) lab.Serve {
		locks := make([]sync.Mutex, env.Setup.Products+1) // by employee
		return func(ctx context.Context, number int) (lab.Answer, error) {
			lock := &locks[requestOf(env.Setup, number).employee]
			lock.Lock()
			defer lock.Unlock()
			return approveByReading(ctx, env, number)
		}
	},
}
