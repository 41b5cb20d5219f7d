package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

// shareTries bounds the retries of a buyer. In each round of deadlocks one of all those
// who share the row gets through, after the database has looked for the others.
const shareTries = 3

var forShareThenUpdate = lab.Strategy{
	Name: "for-share-then-update",
	Line: "SELECT ... FOR SHARE, then UPDATE the same row",
	Why: "All may read together, and then each waits with its update for all others to leave: a deadlock, of which the " +
		"database lets one survive. No update is lost, but most of the work is, and buyers give up while pieces are left.",
	On:     []fence.Dialect{fence.MySQL, fence.PostgreSQL},
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		how := inTx{lock: " FOR SHARE"}
		if env.DB.Dialect == fence.MySQL {
			how.lock = " LOCK IN SHARE MODE" // which MariaDB knows too
		} else {
			how.first = lookSooner(env)
		}
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			return env.Retry(ctx, shareTries, lab.Conflict, func() (lab.Answer, error) { return buyInTx(ctx, env, buyer, how) })
		})
	},
}

// lookSooner returns what has PostgreSQL look for deadlocks at once, as MySQL does, and not after 1 s,
// which would make a run take minutes. Where that is not allowed, as it is not to users
// who are not superusers, it returns nil.
func lookSooner(env *lab.Env) func(tx *sql.Tx) error {
	const statement = "SET LOCAL deadlock_timeout = '1ms'"
	set := func(tx *sql.Tx) error { _, err := tx.Exec(statement); return err }
	if env.DB.Tx(context.Background(), set) != nil {
		return nil
	}
	return set
}
