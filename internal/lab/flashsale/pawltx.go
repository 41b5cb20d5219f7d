package flashsale

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/mysqllock"
	"github.com/pawl-go/pawl/pglock"
)

var pawlTx = lab.Strategy{
	Name: "pawl-tx",
	Line: "read-then-write under a pawl lock that the transaction itself holds",
	Why: "The lock begins and ends with the transaction: no TTL, no renewal, nothing that a pause could outlast, and a " +
		"dead client's lock goes with its connection. It guards one database, and a slow holder holds up all the others.",
	On:      []fence.Dialect{fence.MySQL, fence.PostgreSQL},
	Prepare: prepareTx,
	Expect:  func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks:  always,
	New: func(env *lab.Env) lab.Serve {
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			return env.Retry(ctx, versionTries, lab.Conflict, func() (lab.Answer, error) {
				return buyInTx(ctx, env, buyer, inTx{first: func(tx *sql.Tx) error {
					return lockTx(ctx, env, tx, productOf(env.Setup, buyer))
				}})
			})
		})
	},
}

// txTable is where the locks of MySQL are. PostgreSQL needs none.
const txTable = "pawl_lab_tx"

// txName is the same in all runs: the locks of one are gone when the next begins.
func txName(product int) string { return fmt.Sprint("pawl-lab:flashsale:", product) }

func lockTx(ctx context.Context, env *lab.Env, tx *sql.Tx, product int) error {
	if env.DB.Dialect == fence.MySQL {
		return mysqllock.LockTx(ctx, tx, txName(product), mysqllock.TxTable(txTable))
	}
	return pglock.LockTx(ctx, pglock.SQLTx(tx), txName(product))
}

// prepareTx makes a row for the lock of each product, where they are rows: two first
// locks of one name might deadlock otherwise.
func prepareTx(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	if db.Dialect != fence.MySQL {
		return nil
	}
	names := make([]string, setup.Products)
	for i := range names {
		names[i] = txName(i + 1)
	}
	return mysqllock.PrepareTx(ctx, db.DB, names, mysqllock.TxTable(txTable))
}
