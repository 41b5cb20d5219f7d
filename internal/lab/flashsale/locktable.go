package flashsale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

var lockTable = lab.Strategy{
	Name: "lock-table",
	Line: "INSERT a row with a unique name, work, DELETE it",
	Why: "The unique index lets one in. But the row is no lock that the database knows of: it has no expiry and no owner, " +
		"so a holder that dies leaves it there and nobody gets in again; and whoever asks twice waits for itself.",
	Prepare: func(ctx context.Context, db *lab.DB, _ lab.Setup) error {
		return db.ExecAll(ctx, "DROP TABLE IF EXISTS pawl_lab_locks", "CREATE TABLE pawl_lab_locks (name VARCHAR(200) PRIMARY KEY)")
	},
	Expect: func(s lab.Setup) lab.Outcome { return lab.Stuck.If(s.Fault == lab.Kill && s.Buyers > 1) },
	Blocks: always,
	New: func(env *lab.Env) lab.Serve {
		t := rowLocks{env}
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			name := fmt.Sprint("stock:", productOf(env.Setup, buyer))
			if err := await(ctx, env, func() (bool, error) { return t.take(ctx, name) }); err != nil {
				return "", err
			}
			defer t.give(ctx, name)
			defer env.Held(buyer, 0)()
			return buyByReading(ctx, env, buyer)
		})
	},
}

// rowLocks are locks that are rows.
type rowLocks struct{ env *lab.Env }

func (t rowLocks) take(ctx context.Context, name string) (bool, error) {
	result, err := t.env.DB.ExecContext(ctx, t.env.DB.SQL(t.env.DB.OrIgnore("INSERT INTO pawl_lab_locks (name) VALUES (?)")), name)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// give deletes the row, whatever else happens: nobody else would.
func (t rowLocks) give(ctx context.Context, name string) {
	ctx = context.WithoutCancel(ctx)
	_, _ = t.env.Retry(ctx, versionTries, lab.Conflict, func() (lab.Answer, error) {
		_, err := t.env.DB.ExecContext(ctx, t.env.DB.SQL("DELETE FROM pawl_lab_locks WHERE name = ?"), name)
		return "", err
	})
}

// pollEvery is how long those who wait for a lock that tells nobody sleep at most before
// they look again: less than tutorials have, so that it is not the sleep that makes a
// strategy slow. In a run with a fault they sleep longer after a while: there is nothing
// to have until a TTL has passed, and other runs need the machine.
const (
	pollEvery = 10 * time.Millisecond
	pollLater = 50 * time.Millisecond
	pollTries = 20
)

// await asks again and again for a lock until it has it or ctx ends. An error is no
// answer: a shop asks again then, too.
func await(ctx context.Context, env *lab.Env, take func() (bool, error)) error {
	rest := pollEvery
	for i := 0; ; i++ {
		if got, err := take(); got && err == nil {
			return nil
		}
		if env.Setup.Fault != lab.None && i == pollTries {
			rest = pollLater
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(rest)):
		}
	}
}
