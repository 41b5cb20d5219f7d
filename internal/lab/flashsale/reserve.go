package flashsale

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

var (
	//go:embed lua/reserve.lua
	reserveText string
	//go:embed lua/return.lua
	returnText string
	//go:embed lua/lead.lua
	leadText string

	reserveScript = redis.NewScript(reserveText)
	returnScript  = redis.NewScript(returnText)
	leadScript    = redis.NewScript(leadText)
)

var reserve = lab.Strategy{
	Name: "reserve",
	Line: "a script in Redis reserves; the orders are written to the database behind it, in batches",
	Why: "Buyers meet in memory, in one atomic script, and the database gets a few big writes. The outbox keeps an order " +
		"until it is written, whichever writer dies, and its id keeps it from being written twice. What a Redis without " +
		"persistence forgets in a restart is promised and never written.",
	Needs: lab.RawRedis,
	Prepare: func(ctx context.Context, db *lab.DB, _ lab.Setup) error {
		// The buyer is the id of the reservation: written twice, it is there once.
		return db.ExecAll(ctx, "CREATE UNIQUE INDEX pawl_lab_orders_buyer ON pawl_lab_orders (buyer)")
	},
	Expect:  func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(s.Fault == lab.Restart && s.Buyers > 1) },
	OneLock: true, // of the writer
	Early:   true, // the failpoints are in the writer, which passes them once in a batch
	New: func(env *lab.Env) lab.Serve {
		d := newDesk(env)
		ctx, cancel := context.WithTimeout(context.Background(), env.TTL)
		defer cancel()
		d.open(ctx)
		env.Finish(func(context.Context) error { d.close(); return nil })
		newWriter(env, d).start()
		return d.serve
	},
}
