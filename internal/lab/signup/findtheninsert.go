package signup

import (
	"context"

	"github.com/pawl-go/pawl/internal/lab"
)

var findThenInsert = lab.Strategy{
	Name:   "find-then-insert",
	Line:   "find the account; update it if it is there, insert it otherwise",
	Why:    "Two submits look, both find nothing, and both insert. There is no row yet that one of them could be seen at.",
	Expect: func(s lab.Setup) lab.Outcome { return lab.Duplicates.If(races(s)) },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) { return findFirst(ctx, env, submit, nil) }
	},
}
