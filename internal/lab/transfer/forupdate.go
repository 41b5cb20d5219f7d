package transfer

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var forUpdateAnyOrder = lab.Strategy{
	Name: "for-update-any-order",
	Line: "SELECT ... FOR UPDATE of the one account, then of the other, as the transfer goes",
	Why: "Two transfers in opposite directions hold an account each and wait for the other's: a deadlock. The database " +
		"undoes one of them, which is tried again: safe, with work for nothing, and where it looks late, as PostgreSQL does, some " +
		"give up. SQLite has one lock for all and no deadlock.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: blocks,
	New: func(env *lab.Env) lab.Serve {
		return forUpdate(env, func(o order) (first, second int) { return o.from, o.to })
	},
}

var forUpdateInOrder = lab.Strategy{
	Name: "for-update-in-order",
	Line: "the same, the account with the smaller number first",
	Why: "When all lock in one order, whoever waits waits for somebody who is further on, and no circle can close. " +
		"Nothing is undone.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: blocks,
	New: func(env *lab.Env) lab.Serve {
		return forUpdate(env, func(o order) (first, second int) { return min(o.from, o.to), max(o.from, o.to) })
	},
}

// forUpdate locks the rows of both accounts in the order that it is told. What the
// database undoes for the sake of others is tried again.
func forUpdate(env *lab.Env, inOrder func(order) (first, second int)) lab.Serve {
	return func(ctx context.Context, number int) (lab.Answer, error) {
		o := orderOf(env, number)
		first, second := inOrder(o)
		return env.Persist(ctx, lab.Conflict, func() (lab.Answer, error) {
			return transferInTx(ctx, env, o, nil, func(tx *sql.Tx) (map[int]int, error) {
				if err := env.DB.LookForDeadlocks(ctx, tx); err != nil {
					return nil, err
				}
				return readBoth(ctx, env, tx, first, second, env.DB.ForUpdate())
			})
		})
	}
}

// readBoth reads the accounts one after the other, with time between as there is in a
// shop, so that two that come in opposite orders meet.
func readBoth(ctx context.Context, env *lab.Env, tx *sql.Tx, first, second int, lock string) (map[int]int, error) {
	balances := make(map[int]int)
	for _, account := range []int{first, second} {
		if len(balances) > 0 {
			env.Think()
		}
		balance, err := readBalance(ctx, env, tx, account, lock)
		if err != nil {
			return nil, err
		}
		balances[account] = balance
	}
	return balances, nil
}

// transferInTx is read-then-write in one transaction.
func transferInTx(ctx context.Context, env *lab.Env, o order, opts *sql.TxOptions, read func(tx *sql.Tx) (map[int]int, error)) (told lab.Answer, err error) {
	left := func() {} // the critical section ends with the transaction
	defer func() { left() }()
	err = env.DB.TxOptions(ctx, opts, func(tx *sql.Tx) error {
		balances, err := read(tx)
		if err != nil || balances[o.from] < o.amount {
			told = lab.SoldOut
			return err
		}
		left = env.Held(o.number, 0)
		env.Failpoint(ctx, lab.BeforeWrite)
		told = lab.Bought
		return write(ctx, env, tx, o, balances[o.from], balances[o.to])
	})
	return told, err
}
