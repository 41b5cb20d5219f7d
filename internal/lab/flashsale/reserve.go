package flashsale

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

var (
	//go:embed lua/reserve.lua
	reserveText string
	//go:embed lua/return.lua
	returnText string

	reserveScript = redis.NewScript(reserveText)
	returnScript  = redis.NewScript(returnText)
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
	Expect: func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(s.Fault == lab.Restart && s.AtOnce() > 1) },
	Early:  true, // the failpoints are in the writer, which passes them once in a batch
	New: func(env *lab.Env) lab.Serve {
		d := &desk{env: env}
		w := newWriter(env, d)
		ctx, cancel := context.WithTimeout(context.Background(), env.TTL)
		defer cancel()
		_ = d.loadAll(ctx) // a buyer who finds nothing tries again
		w.start()
		return d.serve
	},
}

// desk is where buyers reserve.
type desk struct{ env *lab.Env }

// key returns the key in Redis of what is called name.
func (d *desk) key(name string) string { return d.env.Lock + ":" + name }

// keys are those of the scripts.
func (d *desk) keys(product int) []string {
	return []string{d.left(product), d.key("reservations"), d.key("customers"), d.outbox()}
}

func (d *desk) left(product int) string { return d.key("left:" + strconv.Itoa(product)) }

func (d *desk) outbox() string { return d.key("outbox") }

// load tells Redis how much there is of a product, unless it knows.
func (d *desk) load(ctx context.Context, product int) error {
	var num int
	err := d.env.DB.QueryRowContext(ctx, d.env.DB.SQL("SELECT num FROM pawl_lab_stock WHERE id = ?"), product).Scan(&num)
	if err != nil {
		return err
	}
	return d.env.Redis.SetNX(ctx, d.left(product), num, 0).Err()
}

// loadAll opens the shop: the first buyers do not find it empty.
func (d *desk) loadAll(ctx context.Context) error {
	for product := 1; product <= d.env.Setup.Products; product++ {
		if err := d.load(ctx, product); err != nil {
			return err
		}
	}
	return nil
}

// serve reserves a piece. The reservation has the same id when it is asked for again, so
// an answer that was lost costs nothing.
func (d *desk) serve(ctx context.Context, buyer int) (lab.Answer, error) {
	d.env.Think()
	for {
		told, err := d.reserve(ctx, buyer)
		switch told {
		case lab.Bought, lab.SoldOut, lab.OverLimit:
			return told, nil
		}
		if err == nil {
			err = d.load(ctx, productOf(d.env, buyer))
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if err != nil {
			time.Sleep(pollEvery)
		}
	}
}

func (d *desk) reserve(ctx context.Context, buyer int) (lab.Answer, error) {
	product := productOf(d.env, buyer)
	told, err := reserveScript.Run(ctx, d.env.Redis, d.keys(product),
		buyer, product, customerOf(d.env.Setup, buyer), d.env.Setup.Limit).Text()
	return lab.Answer(told), err
}
