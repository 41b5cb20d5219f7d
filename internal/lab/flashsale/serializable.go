package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

var serializable = lab.Strategy{
	Name: "serializable",
	Line: "read-then-write in one SERIALIZABLE transaction, tried again when the database refuses it",
	Why: "The database lets through what could have happened one after the other and undoes the rest. Safe without " +
		"any lock in the code, as long as every transaction does it and every refusal is tried again; for one hot row " +
		"most are refused.",
	Expect: func(lab.Setup) lab.Outcome { return lab.Holds },
	Blocks: always, // on MySQL and SQLite; on PostgreSQL the others sell meanwhile
	New: func(env *lab.Env) lab.Serve {
		how := inTx{opts: &sql.TxOptions{Isolation: sql.LevelSerializable}}
		return unlessSoldOut(env, func(ctx context.Context, buyer int) (lab.Answer, error) {
			return env.Retry(ctx, versionTries, lab.Conflict, func() (lab.Answer, error) { return buyInTx(ctx, env, buyer, how) })
		})
	},
}
