package flashsale

import (
	"context"
	"database/sql"

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
			return env.Retry(ctx, versionTries, lab.TooLate, func() (lab.Answer, error) { return tryVersion(ctx, env, buyer) })
		}
	},
}

var versionNoRetry = lab.Strategy{
	Name: "version-no-retry",
	Line: "the same, and who comes too late is sent away",
	Why: "Nothing is sold twice. But of all who have read the same version one gets a piece and the others are told " +
		"to try later, although there is enough: pieces stay unsold in front of buyers who wanted them.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			return env.Retry(ctx, 1, lab.TooLate, func() (lab.Answer, error) { return tryVersion(ctx, env, buyer) })
		}
	},
}

func tryVersion(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	return buyIfUnchanged(ctx, env, buyer, func(tx *sql.Tx, s stock) (sql.Result, error) {
		return tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = ?, version = version + 1 WHERE id = ? AND version = ?"),
			s.num-1, productOf(env.Setup, buyer), s.version)
	})
}

// buyIfUnchanged is read-then-write with an update that changes no row if the row is not
// the one that was read; it returns lab.ErrTooLate then.
func buyIfUnchanged(ctx context.Context, env *lab.Env, buyer int, update func(tx *sql.Tx, s stock) (sql.Result, error)) (lab.Answer, error) {
	s, err := readStock(ctx, env, buyer)
	if no := s.refusal(); err != nil || no != "" {
		return no, err
	}
	env.Think()
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(sell(ctx, env, buyer, func(tx *sql.Tx) error { return lab.OneRow(update(tx, s)) }))
}
