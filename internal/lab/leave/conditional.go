package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var conditional = lab.Strategy{
	Name: "conditional",
	Line: "days = days - n WHERE days - n >= 0",
	Why: "The database checks and deducts in one statement, so nobody can come between. The amount does not matter: " +
		"who asks for more than is left changes no row and is refused.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			told, err := approve(ctx, env, number, func(r request, _ balance) error {
				return take(ctx, env, r, deductIfLeft(ctx, env, r))
			})
			if lab.TooLate(err) {
				return lab.SoldOut, nil
			}
			return told, err
		}
	},
}

func deductIfLeft(ctx context.Context, env *lab.Env, r request) change {
	return func(tx *sql.Tx) error {
		return lab.OneRow(tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_balances SET days = days - ? WHERE employee = ? AND days - ? >= 0"),
			r.days, r.employee, r.days))
	}
}
