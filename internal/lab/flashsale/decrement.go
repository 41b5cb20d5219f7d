package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var decrement = lab.Strategy{
	Name: "decrement",
	Line: "read the stock, then num = num - 1",
	Why: "No update is lost, because the database subtracts. But whoever has read that one piece is left takes it, " +
		"however many have: the stock falls below zero.",
	Expect: func(s lab.Setup) lab.Outcome {
		return lab.Oversells.If(s.AtOnce() > 1 && (s.Buyers > s.Stock*s.Products || s.Limit > 0))
	},
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			s, err := readStock(ctx, env, buyer)
			if no := s.refusal(); err != nil || no != "" {
				return no, err
			}
			env.Think()
			env.Failpoint(ctx, lab.BeforeWrite)
			return lab.Told(sell(ctx, env, buyer, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = num - 1 WHERE id = ?"), productOf(env.Setup, buyer))
				return err
			}))
		}
	},
}
