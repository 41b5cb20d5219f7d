package signup

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var uniqueIndex = lab.Strategy{
	Name: "unique-index",
	Line: "a unique index, and INSERT ... ON CONFLICT DO UPDATE (ON DUPLICATE KEY UPDATE)",
	Why: "The index cannot hold the account twice, whoever comes when, and after whatever pause. One statement inserts or " +
		"updates; nobody has to look first.",
	Prepare: func(ctx context.Context, db *lab.DB, _ lab.Setup) error {
		return db.ExecAll(ctx, "CREATE UNIQUE INDEX pawl_lab_users_unique ON pawl_lab_users (account)")
	},
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		upsert := env.DB.SQL("INSERT INTO pawl_lab_users (submit, account) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET submit = excluded.submit")
		if env.DB.Dialect == fence.MySQL {
			upsert = "INSERT INTO pawl_lab_users (submit, account) VALUES (?, ?) ON DUPLICATE KEY UPDATE submit = VALUES(submit)"
		}
		return func(ctx context.Context, submit int) (lab.Answer, error) {
			env.Think()
			env.Failpoint(ctx, lab.BeforeWrite)
			// MySQL may find deadlocks between inserts into one gap.
			return env.Retry(ctx, lab.Tries, lab.Conflict, func() (lab.Answer, error) {
				return lab.Told(env.Tx(ctx, func(tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, upsert, submit, accountOf(env.Setup, submit)); err != nil {
						return err
					}
					return note(ctx, env, tx, submit)
				}))
			})
		}
	},
}
