package transfer

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var serializable = lab.Strategy{
	Name: "serializable",
	Line: "both in one SERIALIZABLE transaction, tried again when the database refuses it",
	Why: "No order to think of: what could not have happened one after the other is undone and tried again. Of all who " +
		"meet at two accounts one gets through at a time, and the others have worked for nothing.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: blocks,
	New: func(env *lab.Env) lab.Serve {
		opts := &sql.TxOptions{Isolation: sql.LevelSerializable}
		return func(ctx context.Context, number int) (lab.Answer, error) {
			o := orderOf(env, number)
			return env.Persist(ctx, lab.Conflict, func() (lab.Answer, error) {
				return transferInTx(ctx, env, o, opts, func(tx *sql.Tx) (map[int]int, error) {
					return readBoth(ctx, env, tx, o.from, o.to, "")
				})
			})
		}
	},
}
