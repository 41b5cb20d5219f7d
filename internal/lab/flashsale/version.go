package flashsale

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

// versionTries bounds the retries of a buyer. Fewer leave pieces unsold while buyers
// give up; more cost the database a write for nothing each.
const versionTries = 100

var version = lab.Strategy{
	Name: "version",
	Line: "optimistic: write only if the version is the one that was read, else try again",
	Why: "A write that rests on an old version changes no row and is tried again from a new read. " +
		"Safe, but the more buyers there are, the more of the work is for nothing.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			for try := range versionTries {
				told, err := tryVersion(ctx, env, buyer)
				if !errors.Is(err, errTooLate) {
					return told, err
				}
				backOff(try)
			}
			return lab.GaveUp, nil
		}
	},
}

func tryVersion(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	s, err := readStock(ctx, env, productOf(env, buyer))
	if err != nil {
		return "", err
	}
	if s.num <= 0 {
		return lab.SoldOut, nil
	}
	env.Think()
	env.Failpoint(lab.BeforeWrite)
	return answer(sell(ctx, env, buyer, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			env.DB.SQL("UPDATE pawl_lab_stock SET num = ?, version = version + 1 WHERE id = ? AND version = ?"),
			s.num-1, productOf(env, buyer), s.version)
		return oneRow(result, err)
	}))
}

// backOff waits up to 1 ms longer after each try, and up to 20 ms: losers that come
// back together lose again.
func backOff(try int) {
	time.Sleep(rand.N(time.Duration(min(try+1, 20)) * time.Millisecond))
}
