package signup

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var serializable = lab.Strategy{
	Name: "serializable",
	Line: "find-then-insert in one SERIALIZABLE transaction, tried again when the database refuses it",
	Why: "The database remembers that somebody has looked and found nothing, and undoes one of two who insert then. Safe " +
		"as long as every refusal is tried again; submits of other accounts are refused as well, where they share an index page.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: blocks,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			return env.Persist(ctx, lab.Conflict, func() (lab.Answer, error) {
				return findInTx(ctx, env, submit, &sql.TxOptions{Isolation: sql.LevelSerializable}, "")
			})
		}
	},
}
