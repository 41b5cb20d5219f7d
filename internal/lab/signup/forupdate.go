package signup

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var forUpdate = lab.Strategy{
	Name: "for-update",
	Line: "SELECT ... FOR UPDATE, BEGIN IMMEDIATE on SQLite; then update or insert",
	Why: "FOR UPDATE locks rows, and there is none: on PostgreSQL both submits insert. MySQL locks the gap where the row " +
		"would be, which both may do: then each waits for the other, and a deadlock ends it. SQLite has one lock for all.",
	Expect: func(s lab.Setup) lab.Outcome { return lab.Duplicates.If(races(s) && s.DB == fence.PostgreSQL) },
	Blocks: blocks,
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			return env.Persist(ctx, lab.Conflict, func() (lab.Answer, error) {
				return findInTx(ctx, env, submit, nil, env.DB.ForUpdate())
			})
		}
	},
}

// blocks: the gap that an insert is to go into is the whole table at first.
func blocks(s lab.Setup) bool { return s.DB != fence.PostgreSQL }

// findInTx is find-then-insert in one transaction. lock is what the read says besides.
func findInTx(ctx context.Context, env *lab.Env, submit int, opts *sql.TxOptions, lock string) (lab.Answer, error) {
	return lab.Told(env.DB.TxOptions(ctx, opts, func(tx *sql.Tx) error {
		found, err := find(ctx, env, tx, accountOf(env.Setup, submit), lock)
		if err != nil {
			return err
		}
		defer env.Held(submit, 0)()
		env.Think()
		if found == 0 {
			env.Failpoint(ctx, lab.BeforeWrite)
		}
		return write(ctx, env, tx, submit, found)
	}))
}
