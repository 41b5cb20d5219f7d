package flashsale

import (
	"context"
	"database/sql"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

var timestamp = lab.Strategy{
	Name: "timestamp",
	Line: "optimistic with the time of the last change, in seconds as in a DATETIME, for a version",
	Why: "A clock is a version that does not always change: whoever has read the row within the second of the last " +
		"write finds the same time in it after the next one, and writes over it.",
	Expect: func(s lab.Setup) lab.Outcome { return races(s).If(s.AtOnce() > 1) },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			return env.Retry(ctx, versionTries, lab.TooLate, func() (lab.Answer, error) { return tryTimestamp(ctx, env, buyer) })
		}
	},
}

func tryTimestamp(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	return buyIfUnchanged(ctx, env, buyer, func(tx *sql.Tx, s stock) (sql.Result, error) {
		return tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = ?, changed = ? WHERE id = ? AND changed = ?"),
			s.num-1, time.Now().Unix(), productOf(env.Setup, buyer), s.changed)
	})
}
