package flashsale

import (
	"context"
	"database/sql"
	"errors"

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
			s, err := readStock(ctx, env, productOf(env, buyer)) // the page that the buyer looks at
			if err != nil {
				return "", err
			}
			if s.num <= 0 {
				return lab.SoldOut, nil
			}
			env.Think()
			env.Failpoint(lab.BeforeWrite)
			err = sell(ctx, env, buyer, takeIfLeft(ctx, env, productOf(env, buyer)))
			if errors.Is(err, errTooLate) {
				return lab.SoldOut, nil
			}
			return answer(err)
		}
	},
}

// errTooLate: the condition of an update did not hold any more.
var errTooLate = errors.New("too late")

func takeIfLeft(ctx context.Context, env *lab.Env, product int) change {
	return func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = num - 1 WHERE id = ? AND num - 1 >= 0"), product)
		return oneRow(result, err)
	}
}

// oneRow returns errTooLate unless the update has changed a row.
func oneRow(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return errTooLate
	}
	return err
}
