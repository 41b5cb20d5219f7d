package pipeline

import (
	"context"
	"sync"

	"github.com/pawl-go/pawl/internal/lab"
)

var processMutex = lab.Strategy{
	Name: "process-mutex",
	Line: "the same under a sync.Mutex, writers as well",
	Why: "Right while job and writers are one process. The writers are other programs on other machines, and a second " +
		"scheduler starts the job a second time: no mutex sees them.",
	Expect: func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(races(s) && s.Procs > 1) },
	New: func(env *lab.Env) lab.Serve {
		var mu sync.Mutex
		serve := alone(env).serve(env)
		return func(ctx context.Context, number int) (lab.Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			return serve(ctx, number)
		}
	},
}
