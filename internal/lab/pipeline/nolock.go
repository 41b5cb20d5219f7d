package pipeline

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var noLock = lab.Strategy{
	Name: "no-lock",
	Line: "INSERT ... SELECT from all sources, then DELETE",
	Why: "What is inserted between copying and deleting is deleted without having been copied: lost. What two runs copy at " +
		"once is there twice. Each statement is right on its own.",
	Expect: func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(races(s)) },
	New:    func(env *lab.Env) lab.Serve { return alone(env).serve(env) },
}

// alone is right when nobody else does anything meanwhile.
func alone(env *lab.Env) steps {
	return steps{
		write: func(ctx context.Context, number int) (lab.Answer, error) {
			return lab.Told(inOneEach(ctx, env, writeRow(number)))
		},
		job: func(ctx context.Context, number int) (lab.Answer, error) { return runJob(ctx, env, number, nil) },
	}
}
