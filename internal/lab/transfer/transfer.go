// Package transfer is the race that needs two rows: transfers between the two accounts of
// a pair, some one way and some the other, which lock them in opposite orders.
//
// What must hold at the end: each account has what it began with, less what the transfers
// took from it and with what they brought. So the sum is the same, and nobody is
// overdrawn.
package transfer

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

// Scenario returns the race with all its strategies.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "transfer",
		Line: "two accounts, locked in opposite orders: who waits for whom, and is the money still there?",
		Words: lab.Words{
			Done: "transfer", Who: "transfer",
			Stock:    "money on each account",
			Wants:    "transfers",
			Products: "pairs of accounts; a transfer is within a pair",
		},
		Stock: 1000, Buyers: 120, Products: 1,
		Strategies: []lab.Strategy{
			readThenWrite,
			forUpdateAnyOrder, forUpdateInOrder, serializable,
			pawlAnyOrder, pawlLockAll,
		},
		Prepare: prepare,
		Count:   count,
		Served:  "SELECT number AS buyer FROM pawl_lab_transfers",
		Key:     pairOf,
		Moral:   moral,
	}
}

// moral says what the order of the locks has cost.
func moral(r *lab.Report) string {
	anyOrder, ok := r.Find(pawlAnyOrder.Name, lab.None)
	inOrder, okInOrder := r.Find(pawlLockAll.Name, lab.None)
	if !ok || !okInOrder || anyOrder.Retries == 0 || inOrder.Retries > 0 {
		return ""
	}
	return fmt.Sprintf("Locks in any order are safe with a bound on the waiting, and cost: %d tries for nothing here, %.0f transfers "+
		"per second. In one order for all, as LockAll takes them, there was none, and %.0f per second.",
		anyOrder.Retries, anyOrder.OrdersPerSecond, inOrder.OrdersPerSecond)
}

// order is one transfer, as its number says it.
type order struct{ number, from, to, amount int }

// orderOf returns a transfer: within a pair every other one goes the other way, with less,
// so that lost updates of both kinds do not make up for each other.
func orderOf(env *lab.Env, number int) order {
	pair, turn := pairOf(env.Setup, number), number/env.Setup.Products
	one, other := 2*pair+1, 2*pair+2
	if turn%2 == 1 {
		return order{number: number, from: other, to: one, amount: 1}
	}
	return order{number: number, from: one, to: other, amount: 3}
}

// pairOf returns the pair of accounts that a transfer is within, counted from 0.
func pairOf(s lab.Setup, number int) int { return number % s.Products }

// lockName returns the name of the lock on an account.
func lockName(env *lab.Env, account int) string { return fmt.Sprintf("%s:%06d", env.Lock, account) }

// transferByReading is right when nobody else does the same meanwhile. stillAllowed, if
// not nil, is the last look before the write.
func transferByReading(ctx context.Context, env *lab.Env, o order, stillAllowed func() error) (lab.Answer, error) {
	var before [2]int // of from and to
	for i, account := range []int{o.from, o.to} {
		var err error
		if before[i], err = readBalance(ctx, env, env.DB, account, ""); err != nil {
			return "", err
		}
	}
	if before[0] < o.amount {
		return lab.SoldOut, nil
	}
	env.Think()
	if stillAllowed != nil {
		if err := stillAllowed(); err != nil {
			return "", err
		}
	}
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(env.Tx(ctx, func(tx *sql.Tx) error { return write(ctx, env, tx, o, before[0], before[1]) }))
}

// blocks: with one pair, whom the fault has struck in a transaction has locked all there
// is, and on SQLite in any case.
func blocks(s lab.Setup) bool { return s.Products == 1 || s.DB == fence.SQLite }
