package transfer

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var readThenWrite = lab.Strategy{
	Name: "read-then-write",
	Line: "read both balances, think, write both",
	Why: "Two transfers read the same balances and the second writes over the first: money is gone, or comes from " +
		"nowhere. Each of them is one transaction and right on its own.",
	Expect: func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(s.AtOnce() > 1) },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			return transferByReading(ctx, env, orderOf(env, number), nil)
		}
	},
}
