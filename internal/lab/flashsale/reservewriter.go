package flashsale

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/lab"
)

const (
	// writers is the consumer group of the outbox: each entry goes to one of them.
	writers = "writers"
	// batchSize is the most orders in one transaction: some tens of kilobytes of a statement,
	// of which MySQL takes 64 MiB by default and older ones 1.
	batchSize = 1000
	// linger is how long orders gather before a batch is taken. Nobody waits for it but the
	// last order: a longer one makes fewer, larger transactions.
	linger = 10 * time.Millisecond
	// standby is how often a writer asks whether it is its turn.
	standby = 20 * time.Millisecond
)

// order is what the outbox has to be written.
type order struct {
	entry             string
	id                int // of the reservation: the buyer
	product, customer int
}

// writer takes orders out of the outbox and writes them. There is one in each process, and
// one of them at a time has a lease to write, so that they do not wait for each other's
// rows. Nothing but speed hangs on that: two that write at once write each order once. What
// one leaves behind another writes.
type writer struct {
	env     *lab.Env
	desk    *desk
	name    string
	claimed time.Time // when it last looked for what others have left
	done    chan struct{}
}

func newWriter(env *lab.Env, d *desk) *writer {
	return &writer{env: env, desk: d, name: rand.Text(), claimed: time.Now(), done: make(chan struct{})}
}

// start has it write until all orders of all processes are written, after the last buyer.
func (w *writer) start() {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.round(ctx)
		}
		w.resign(context.WithoutCancel(ctx))
	}()
	w.env.Finish(func(finish context.Context) error {
		w.drain(finish)
		stop()
		<-w.done
		return nil
	})
}

// drain waits for an empty outbox.
func (w *writer) drain(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := w.env.Redis.XLen(ctx, w.desk.outbox()).Result()
		if n == 0 && err == nil {
			return
		}
		time.Sleep(linger)
	}
}

func (w *writer) lease() string { return w.desk.key("writer") }

// leads reports whether this is the writer whose turn it is.
func (w *writer) leads(ctx context.Context) bool {
	leads, err := leadScript.Run(ctx, w.env.Redis, []string{w.lease()}, w.name, w.env.TTL.Milliseconds()).Bool()
	return leads && err == nil
}

// resign lets another writer have its turn at once. What fails lasts until the lease ends.
func (w *writer) resign(ctx context.Context) {
	unlockScript.Run(ctx, w.env.Redis, []string{w.lease()}, w.name)
}

// round writes one batch, if there is one. What fails stays in the outbox as the
// writer's own, until somebody claims it.
func (w *writer) round(ctx context.Context) {
	if !w.leads(ctx) {
		time.Sleep(standby)
		return
	}
	orders, err := w.next(ctx)
	if err != nil {
		time.Sleep(pollEvery)
		return
	}
	if len(orders) > 0 {
		// Also when the buyers are gone and ctx ends.
		w.write(context.WithoutCancel(ctx), orders)
	}
}

// next returns what another writer has kept for longer than the TTL without writing it,
// or else new orders, or nothing after a short while.
func (w *writer) next(ctx context.Context) ([]order, error) {
	outbox := w.desk.outbox()
	// Often enough to find what was left soon after the TTL.
	if time.Since(w.claimed) > w.env.TTL/8 {
		w.claimed = time.Now()
		left, _, err := w.env.Redis.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: outbox, Group: writers, Consumer: w.name, MinIdle: w.env.TTL, Start: "0", Count: batchSize,
		}).Result()
		if len(left) > 0 || err != nil {
			return ordersOf(left), w.found(ctx, err)
		}
	}
	time.Sleep(linger)
	streams, err := w.env.Redis.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: writers, Consumer: w.name, Streams: []string{outbox, ">"}, Count: batchSize, Block: 20 * time.Millisecond,
	}).Result()
	if errors.Is(err, redis.Nil) || len(streams) == 0 {
		return nil, w.found(ctx, err)
	}
	return ordersOf(streams[0].Messages), err
}

// found makes the outbox's group when err says that it is not there: at first, and after
// Redis has lost it.
func (w *writer) found(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return nil
	case !strings.HasPrefix(err.Error(), "NOGROUP"):
		return err
	}
	err = w.env.Redis.XGroupCreateMkStream(ctx, w.desk.outbox(), writers, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil // another writer was faster
	}
	return err
}

func ordersOf(entries []redis.XMessage) []order {
	orders := make([]order, len(entries))
	for i, e := range entries {
		number := func(name string) int {
			text, _ := e.Values[name].(string)
			n, _ := strconv.Atoi(text) // the script has written it
			return n
		}
		orders[i] = order{e.ID, number("id"), number("product"), number("customer")}
	}
	// All writers change the stock in one order, so that they do not deadlock.
	slices.SortFunc(orders, func(a, b order) int { return cmp.Or(a.product-b.product, a.id-b.id) })
	return orders
}

// write writes orders in one transaction and takes them out of the outbox. When the
// database has not so many pieces, each gets a transaction of its own, and those that
// cannot be written give their piece back.
func (w *writer) write(ctx context.Context, orders []order) {
	left := w.env.Held(orders[0].id, 0)
	w.env.Failpoint(ctx, lab.BeforeWrite)
	told, err := w.env.Retry(ctx, versionTries, lab.Conflict, func() (lab.Answer, error) { return "", w.insert(ctx, orders) })
	left()
	switch {
	case told == lab.GaveUp: // not written: the orders stay in the outbox
	case err == nil:
		w.env.Wrote()
		w.acknowledge(ctx, orders)
	case errors.Is(err, lab.ErrTooLate) && len(orders) > 1:
		for i := range orders {
			w.write(ctx, orders[i:i+1])
		}
	case errors.Is(err, lab.ErrTooLate):
		w.giveBack(ctx, orders[0])
	}
}

func (w *writer) acknowledge(ctx context.Context, orders []order) {
	entries := make([]string, len(orders))
	for i, o := range orders {
		entries[i] = o.entry
	}
	pipe := w.env.Redis.TxPipeline()
	pipe.XAck(ctx, w.desk.outbox(), writers, entries...)
	pipe.XDel(ctx, w.desk.outbox(), entries...)
	// What stays is claimed, found to be written, and acknowledged then.
	_, _ = pipe.Exec(ctx)
}

func (w *writer) giveBack(ctx context.Context, o order) {
	// What fails stays in the outbox, and comes here again.
	returnScript.Run(ctx, w.env.Redis, w.desk.keys(o.product), o.id, o.product, o.customer, w.env.Setup.Limit, writers, o.entry)
}

func (w *writer) insert(ctx context.Context, orders []order) error {
	return w.env.Tx(ctx, func(tx *sql.Tx) error {
		for len(orders) > 0 {
			n := slices.IndexFunc(orders, func(o order) bool { return o.product != orders[0].product })
			if n < 0 {
				n = len(orders)
			}
			if err := w.insertOf(ctx, tx, orders[:n]); err != nil {
				return err
			}
			orders = orders[n:]
		}
		return nil
	})
}

// insertOf writes orders of one product, and takes as many pieces as there are new ones
// among them: others may have been written by somebody who could not say so any more.
func (w *writer) insertOf(ctx context.Context, tx *sql.Tx, orders []order) error {
	// Written out, for they are numbers: a statement with so many parameters would be prepared
	// anew for each size of a batch.
	values := make([]string, len(orders))
	for i, o := range orders {
		values[i] = fmt.Sprintf("(%d,%d,%d)", o.product, o.id, o.customer)
	}
	db := w.env.DB
	result, err := tx.ExecContext(ctx, db.OrIgnore("INSERT INTO pawl_lab_orders (product, buyer, customer) VALUES "+strings.Join(values, ",")))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	w.env.Failpoint(ctx, lab.InsideWrite)
	return lab.OneRow(tx.ExecContext(ctx, db.SQL("UPDATE pawl_lab_stock SET num = num - ? WHERE id = ? AND num >= ?"), n, orders[0].product, n))
}
