package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var version = lab.Strategy{
	Name: "version",
	Line: "optimistic: write only if the version is the one that was read, else try again",
	Why: "An approval that rests on an old balance changes no row and is tried again from a new read. Safe, and cheap " +
		"where two approvals for one employee seldom meet.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			return env.Retry(ctx, lab.Tries, lab.TooLate, func() (lab.Answer, error) {
				return approve(ctx, env, number, func(r request, b balance) error {
					return take(ctx, env, r, setDaysIfVersion(ctx, env, r, b))
				})
			})
		}
	},
}

func setDaysIfVersion(ctx context.Context, env *lab.Env, r request, b balance) change {
	return func(tx *sql.Tx) error {
		return lab.OneRow(tx.ExecContext(ctx,
			env.DB.SQL("UPDATE pawl_lab_balances SET days = ?, version = version + 1 WHERE employee = ? AND version = ?"),
			b.days-r.days, r.employee, b.version))
	}
}
