package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlFenced = lab.Strategy{
	Name: "pawl-fenced",
	Line: "the same, and the row refuses an older fencing token",
	Why: "Each holder shows the row its token before it reads, and again with the write; the row remembers the " +
		"largest. A holder that wakes up late has an older one: its write changes nothing, and its buyer stands " +
		"in line again.",
	Needs:  lab.PawlLocks,
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: lab.Renewed,
	New: func(env *lab.Env) lab.Serve {
		f := fenced{env: env, row: fence.SQL{Dialect: env.DB.Dialect, Table: "pawl_lab_stock", Key: "id", Token: "fence"}}
		return underLock(env, guard{enter: f.enter, write: f.write})
	},
}

// fenced guards the stock row by the lock's token.
type fenced struct {
	env *lab.Env
	row fence.SQL
}

// enter shows the row the token before the read. Otherwise an older holder could still
// write after this one has read and before it writes, and that sale would be lost.
func (f fenced) enter(ctx context.Context, lock *pawl.Lock, product int) error {
	return f.env.Tx(ctx, func(tx *sql.Tx) error {
		return f.env.Fenced(lock.Token(), f.row.Check(ctx, tx, product, lock.Token()))
	})
}

func (f fenced) write(ctx context.Context, lock *pawl.Lock, product, num int) change {
	return func(tx *sql.Tx) error {
		return f.env.Fenced(lock.Token(), f.row.Update(ctx, tx, product, lock.Token(), f.env.DB.SQL("num = ?"), num))
	}
}
