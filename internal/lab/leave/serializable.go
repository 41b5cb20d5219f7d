package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var serializable = lab.Strategy{
	Name: "serializable",
	Line: "read-then-write in one SERIALIZABLE transaction, tried again when the database refuses it",
	Why: "The database lets through what could have happened one after the other and undoes the rest. Safe without any " +
		"lock in the code, as long as every refusal is tried again.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: forUpdate.Blocks,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			return env.Retry(ctx, lab.Tries, lab.Conflict, func() (lab.Answer, error) {
				return approveInTx(ctx, env, number, &sql.TxOptions{Isolation: sql.LevelSerializable}, "")
			})
		}
	},
}
