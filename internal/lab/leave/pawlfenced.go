package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlFenced = lab.Strategy{
	Name: "pawl-fenced",
	Line: "the same, and the balance refuses an older fencing token",
	Why: "Each holder shows the balance its token before it reads, and again with the write; the row remembers the " +
		"largest. An approval that wakes up late has an older one: it changes nothing and is tried again.",
	Needs:  lab.PawlLocks,
	Blocks: lab.Renewed,
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		row := fence.SQL{Dialect: env.DB.Dialect, Table: "pawl_lab_balances", Key: "employee", Token: "fence"}
		return underLock(env, guard{
			enter: func(ctx context.Context, lock *pawl.Lock, r request) error {
				return env.Tx(ctx, func(tx *sql.Tx) error {
					return env.Fenced(lock.Token(), row.Check(ctx, tx, r.employee, lock.Token()))
				})
			},
			write: func(ctx context.Context, lock *pawl.Lock, r request, days int) change {
				return func(tx *sql.Tx) error {
					return env.Fenced(lock.Token(), row.Update(ctx, tx, r.employee, lock.Token(), env.DB.SQL("days = ?"), days))
				}
			},
		})
	},
}
