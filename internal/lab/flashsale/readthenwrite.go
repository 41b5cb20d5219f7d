package flashsale

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var readThenWrite = lab.Strategy{
	Name: "read-then-write",
	Line: "read the stock, think, write one less",
	Why: "Two buyers read the same number and both write one less than that: two orders, one piece taken. " +
		"A transaction around the write alone does not help, the number was read before it.",
	Expect: func(s lab.Setup) lab.Outcome { return races(s).If(s.AtOnce() > 1) },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			return buyByReading(ctx, env, buyer)
		}
	},
}

// buyByReading is right when nobody else does the same meanwhile.
func buyByReading(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	s, err := readStock(ctx, env, buyer)
	if no := s.refusal(); err != nil || no != "" {
		return no, err
	}
	env.Think()
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(sell(ctx, env, buyer, setNum(ctx, env, productOf(env.Setup, buyer), s.num-1)))
}
