package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var conditional = lab.Strategy{
	Name: "conditional",
	Line: "num = num - 1 WHERE num - 1 >= 0",
	Why: "The database checks and subtracts in one statement, so nobody can come between. " +
		"Enough whenever the rule fits into the WHERE of one row.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			s, err := readStock(ctx, env, buyer) // the page that the buyer looks at
			if no := s.refusal(); err != nil || no != "" {
				return no, err
			}
			env.Think()
			env.Failpoint(ctx, lab.BeforeWrite)
			return answerLimited(sell(ctx, env, buyer, takeIfLeft(ctx, env, buyer, productOf(env.Setup, buyer))))
		}
	},
}

// takeIfLeft takes a piece from a row of the stock if there is one. The customer's own row
// comes first, for which few wait, so that all wait for the stock in the same order.
func takeIfLeft(ctx context.Context, env *lab.Env, buyer, row int) change {
	return func(tx *sql.Tx) error {
		if err := countIn(ctx, env, tx, buyer); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = num - 1 WHERE id = ? AND num - 1 >= 0"), row)
		return lab.OneRow(result, err)
	}
}
