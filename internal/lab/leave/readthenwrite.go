package leave

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var readThenWrite = lab.Strategy{
	Name: "read-then-write",
	Line: "read the balance, think, write what remains",
	Why: "Two approvals read the same balance and each writes its own remainder: the days of one of them were never " +
		"deducted. That both ran in transactions does not help, the balance was read before.",
	Expect: func(s lab.Setup) lab.Outcome { return overdrawn(s).If(s.AtOnce() > 1) },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) { return approveByReading(ctx, env, number) }
	},
}

// approveByReading is right when nobody else does the same meanwhile.
func approveByReading(ctx context.Context, env *lab.Env, number int) (lab.Answer, error) {
	return approve(ctx, env, number, func(r request, b balance) error {
		return take(ctx, env, r, setDays(ctx, env, r, b.days-r.days))
	})
}
