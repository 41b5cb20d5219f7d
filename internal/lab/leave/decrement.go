package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var decrement = lab.Strategy{
	Name: "decrement",
	Line: "read the balance, then days = days - n",
	Why: "No deduction is lost, because the database subtracts. But all who have read that enough is left deduct, " +
		"whoever came first: the balance falls below zero.",
	Expect: func(s lab.Setup) lab.Outcome {
		return lab.Oversells.If(s.AtOnce() > 1 && tooMuch(s))
	},
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			return approve(ctx, env, number, func(r request, _ balance) error {
				return take(ctx, env, r, func(tx *sql.Tx) error {
					_, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_balances SET days = days - ? WHERE employee = ?"), r.days, r.employee)
					return err
				})
			})
		}
	},
}
