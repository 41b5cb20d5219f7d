package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var forUpdate = lab.Strategy{
	Name: "for-update",
	Line: "pessimistic: SELECT ... FOR UPDATE, BEGIN IMMEDIATE on SQLite",
	Why: "Whoever reads a balance holds its row until the commit, and the database gives it back when a client dies. " +
		"Safe; a holder that thinks for long keeps all requests of that employee waiting, and a connection with them.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: func(s lab.Setup) bool { return s.DB == fence.SQLite || s.Products == 1 },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, number int) (lab.Answer, error) {
			return approveInTx(ctx, env, number, nil, env.DB.ForUpdate())
		}
	},
}

// approveInTx is read-then-write in one transaction. lock is what the read says besides.
func approveInTx(ctx context.Context, env *lab.Env, number int, opts *sql.TxOptions, lock string) (told lab.Answer, err error) {
	r := requestOf(env.Setup, number)
	left := func() {} // the critical section ends with the transaction
	defer func() { left() }()
	err = env.DB.TxOptions(ctx, opts, func(tx *sql.Tx) error {
		b, err := readBalance(ctx, env, tx, r.employee, lock)
		if err != nil || b.days < r.days {
			told = lab.SoldOut
			return err
		}
		left = env.Held(number, 0)
		env.Think()
		env.Failpoint(ctx, lab.BeforeWrite)
		told = lab.Bought
		return write(ctx, env, tx, r, setDays(ctx, env, r, b.days-r.days))
	})
	return told, err
}
