package flashsale

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

// desk is where the buyers of a process reserve.
type desk struct {
	env   *lab.Env
	asked chan *reservation
}

func newDesk(env *lab.Env) *desk {
	return &desk{env: env, asked: make(chan *reservation, env.Setup.Clients)}
}

// reservation is what a buyer asks for. It has the same id when it is asked for again, so
// an answer that was lost costs nothing.
type reservation struct {
	buyer int
	told  lab.Answer
	err   error
	done  chan struct{}
}

// atOnce is the most reservations in one round trip.
const atOnce = 256

// open tells Redis what there is to sell and begins to reserve, until close.
func (d *desk) open(ctx context.Context) {
	_ = d.loadAll(ctx)                             // a buyer who finds nothing tries again
	_ = reserveScript.Load(ctx, d.env.Redis).Err() // as does one who finds no script
	ctx = context.WithoutCancel(ctx)               // which is that of the opening
	go func() {
		for first := range d.asked {
			d.reserve(ctx, d.gather(first))
		}
	}()
}

// close ends what open has begun, when nobody asks any more.
func (d *desk) close() { close(d.asked) }

// gather returns what was asked while the last round trip was under way. Nobody waits for
// others to come.
func (d *desk) gather(first *reservation) []*reservation {
	all := []*reservation{first}
	for len(all) < atOnce {
		select {
		case r := <-d.asked:
			all = append(all, r)
		default:
			return all
		}
	}
	return all
}

// reserve reserves for all in one round trip.
func (d *desk) reserve(ctx context.Context, all []*reservation) {
	ctx, cancel := context.WithTimeout(ctx, d.env.TTL)
	defer cancel()
	pipe := d.env.Redis.Pipeline()
	answers := make([]*redis.Cmd, len(all))
	for i, r := range all {
		product := productOf(d.env.Setup, r.buyer)
		answers[i] = reserveScript.EvalSha(ctx, pipe, d.keys(product),
			r.buyer, product, customerOf(d.env.Setup, r.buyer), d.env.Setup.Limit)
	}
	_, err := pipe.Exec(ctx)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // a Redis that was restarted
		_ = reserveScript.Load(ctx, d.env.Redis).Err()
	}
	for i, r := range all {
		text, err := answers[i].Text()
		r.told, r.err = lab.Answer(text), err
		close(r.done)
	}
}

// serve reserves a piece for a buyer, who asks until there is an answer.
func (d *desk) serve(ctx context.Context, buyer int) (lab.Answer, error) {
	d.env.Think()
	for {
		told, err := d.ask(ctx, buyer)
		switch told {
		case lab.Bought, lab.SoldOut, lab.OverLimit:
			return told, nil
		}
		if err == nil {
			err = d.load(ctx, productOf(d.env.Setup, buyer))
		}
		if ctx.Err() != nil {
			return "", errors.Join(ctx.Err(), err)
		}
		if err != nil {
			time.Sleep(pollEvery)
		}
	}
}

func (d *desk) ask(ctx context.Context, buyer int) (lab.Answer, error) {
	r := &reservation{buyer: buyer, done: make(chan struct{})}
	select {
	case d.asked <- r:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	// What is asked is answered within the TTL.
	<-r.done
	return r.told, r.err
}

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
			return fmt.Errorf("product %d: %w", product, err)
		}
	}
	return nil
}
