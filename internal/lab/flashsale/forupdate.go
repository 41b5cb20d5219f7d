package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var forUpdate = lab.Strategy{
	Name: "for-update",
	Line: "pessimistic: SELECT ... FOR UPDATE, BEGIN IMMEDIATE on SQLite",
	Why: "Whoever reads the row holds it until the commit, and the database gives it back when a client dies. Safe, but " +
		"all stand in line for one row, and a slow holder stops the whole shop: nothing ever takes the row away from it.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		lock := " FOR UPDATE"
		if env.DB.Dialect == fence.SQLite {
			lock = "" // every transaction of the lab is BEGIN IMMEDIATE there
		}
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			return buyInTx(ctx, env, buyer, inTx{lock: lock})
		})
	},
}

// always is for strategies whose holder nobody can get past.
func always(lab.Setup) bool { return true }

// inTx is how a strategy reads and writes in one transaction.
type inTx struct {
	opts *sql.TxOptions
	// first, if not nil, comes first in the transaction.
	first func(tx *sql.Tx) error
	// lock is what the read of the stock row says besides.
	lock string
}

// buyInTx is read-then-write in one transaction.
func buyInTx(ctx context.Context, env *lab.Env, buyer int, how inTx) (told lab.Answer, err error) {
	left := func() {} // the critical section ends with the transaction
	defer func() { left() }()
	err = env.DB.TxOptions(ctx, how.opts, func(tx *sql.Tx) error {
		if how.first != nil {
			if err := how.first(tx); err != nil {
				return err
			}
		}
		s, err := look(ctx, env, tx, buyer, how.lock)
		if told = s.refusal(); err != nil || told != "" {
			return err
		}
		left = env.Held(buyer, 0)
		env.Think()
		env.Failpoint(ctx, lab.BeforeWrite)
		told = lab.Bought
		return write(ctx, env, tx, buyer, setNum(ctx, env, productOf(env.Setup, buyer), s.num-1))
	})
	return told, err
}
