package pipeline

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var serializable = lab.Strategy{
	Name: "serializable",
	Line: "copying and deleting in one SERIALIZABLE transaction, tried again when the database refuses it",
	Why: "One transaction over all tables deletes what it has copied, and nothing if it dies. Safe where a database can do " +
		"that; it keeps the rows, or the work of all who met it, until its end.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: func(s lab.Setup) bool { return s.DB != fence.PostgreSQL },
	New: func(env *lab.Env) lab.Serve {
		return steps{
			write: func(ctx context.Context, number int) (lab.Answer, error) {
				return inSerializable(ctx, env, writeRow(number))
			},
			job: func(ctx context.Context, number int) (lab.Answer, error) {
				return inSerializable(ctx, env, func(ctx context.Context, env *lab.Env, tx *sql.Tx) error {
					defer env.Held(number, 0)()
					return moveRows(ctx, env, tx, number)
				})
			},
		}.serve(env)
	},
}

// moveRows is the job in one transaction.
func moveRows(ctx context.Context, env *lab.Env, tx *sql.Tx, number int) error {
	if err := copyRows(ctx, env, tx); err != nil {
		return err
	}
	env.Think()
	env.Failpoint(ctx, lab.BeforeWrite)
	env.Failpoint(ctx, lab.InsideWrite)
	if err := deleteAll(ctx, env, tx); err != nil {
		return err
	}
	return noteRun(number)(ctx, env, tx)
}

func inSerializable(ctx context.Context, env *lab.Env, do step) (lab.Answer, error) {
	return env.Retry(ctx, lab.Tries, lab.Conflict, func() (lab.Answer, error) {
		return lab.Told(env.DB.TxOptions(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, func(tx *sql.Tx) error {
			return do(ctx, env, tx)
		}))
	})
}
