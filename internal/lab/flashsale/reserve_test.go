package flashsale

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/testserver"
)

// reserveEnv is an Env with stock in a database of its own.
func reserveEnv(t *testing.T, stock, limit int) *lab.Env {
	t.Helper()
	server := testserver.Shared(t, "redis", func(tb testserver.TB) *testserver.Process { return testserver.Redis(tb) })
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	env := &lab.Env{
		DB: &lab.DB{DB: db, Dialect: fence.SQLite}, Redis: rdb, Lock: t.Name(), TTL: time.Millisecond,
		Setup: lab.Setup{Stock: stock, Products: 1, Limit: limit, Buyers: 40, Fault: lab.None, DB: fence.SQLite},
	}
	must(t, prepare(t.Context(), env.DB, env.Setup))
	must(t, reserve.Prepare(t.Context(), env.DB, env.Setup))
	return env
}

func openDesk(t *testing.T, env *lab.Env) *desk {
	t.Helper()
	d := newDesk(env)
	d.open(t.Context())
	t.Cleanup(d.close)
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nextOrders has w take orders, which it may have to make its group for.
func nextOrders(t *testing.T, w *writer) []order {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		orders, err := w.next(t.Context())
		must(t, err)
		if len(orders) > 0 {
			return orders
		}
	}
	t.Fatal("the outbox has nothing to write")
	return nil
}

// reserveAll has buyers ask, and returns what they are told.
func reserveAll(t *testing.T, d *desk, buyers ...int) []lab.Answer {
	t.Helper()
	var told []lab.Answer
	for _, buyer := range buyers {
		answer, err := d.serve(t.Context(), buyer)
		must(t, err)
		told = append(told, answer)
	}
	return told
}

// figures is what there is: orders and pieces in the database, pieces and entries in Redis.
type figures struct{ Sold, Left, Free, Outbox int }

func figuresOf(t *testing.T, d *desk) figures {
	t.Helper()
	c, err := count(t.Context(), d.env.DB, d.env.Setup)
	must(t, err)
	free, err := d.env.Redis.Get(t.Context(), d.left(1)).Int()
	must(t, err)
	outbox, err := d.env.Redis.XLen(t.Context(), d.outbox()).Result()
	must(t, err)
	return figures{c.Sold, c.Left, free, int(outbox)}
}

// A reserved piece whose order the database does not take goes back, once, and its
// customer may have another.
func TestReserveGivesBack(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 3, 1)
	d := openDesk(t, env)
	if told := reserveAll(t, d, 1, 2, 3); slices.Contains(told, lab.SoldOut) {
		t.Fatalf("told %v", told)
	}
	// Two pieces are gone by other ways than this one.
	must(t, env.DB.ExecAll(t.Context(), "UPDATE pawl_lab_stock SET num = 1"))
	w := newWriter(env, d)
	orders := nextOrders(t, w)
	w.write(t.Context(), orders)
	if diff := cmp.Diff(figures{Sold: 1, Left: 0, Free: 2, Outbox: 0}, figuresOf(t, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.giveBack(t.Context(), orders[2])
	if got := figuresOf(t, d); got.Free != 2 {
		t.Errorf("%d pieces are free after one was given back twice, want 2", got.Free)
	}
	if told := reserveAll(t, d, 3); told[0] != lab.Bought {
		t.Errorf("told %s, want a customer whose piece went back to get another", told[0])
	}
}

// What a writer has taken and not written another one writes; and when the first one
// comes back, nothing is there twice.
func TestReserveTakesOver(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 10, 0)
	d := openDesk(t, env)
	reserveAll(t, d, 1, 2, 3, 4, 5)
	dead, other := newWriter(env, d), newWriter(env, d)
	taken := nextOrders(t, dead)
	claimed := nextOrders(t, other)
	if diff := cmp.Diff(len(taken), len(claimed)); diff != "" {
		t.Fatalf("taken over (-want +got):\n%s", diff)
	}
	other.write(t.Context(), claimed)
	dead.write(t.Context(), taken)
	if diff := cmp.Diff(figures{Sold: 5, Left: 5, Free: 5, Outbox: 0}, figuresOf(t, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One writer at a time has the lease, and another one has it when the first gives it back
// or has not renewed it.
func TestReserveLease(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 10, 0)
	env.TTL = time.Minute
	d := openDesk(t, env)
	first, second := newWriter(env, d), newWriter(env, d)
	lead := func(want bool, w *writer) {
		t.Helper()
		if got := w.leads(t.Context()); got != want {
			t.Errorf("leads %t, want %t", got, want)
		}
	}
	lead(true, first)
	lead(true, first)
	lead(false, second)
	second.resign(t.Context()) // which has nothing
	lead(false, second)
	first.resign(t.Context())
	lead(true, second)
	must(t, env.Redis.PExpire(t.Context(), second.lease(), time.Millisecond).Err())
	for deadline := time.Now().Add(10 * time.Second); !first.leads(t.Context()); {
		if time.Now().After(deadline) {
			t.Fatal("the lease does not run out")
		}
	}
}

// What is asked at the same time goes to Redis at once, and everybody gets an answer, also
// of a Redis that has lost the script.
func TestReserveGathers(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 10, 0)
	env.TTL = time.Minute
	d := newDesk(env) // nobody serves it
	must(t, d.loadAll(t.Context()))
	must(t, env.Redis.ScriptFlush(t.Context()).Err())
	ask := func() []*reservation {
		var all []*reservation
		for buyer := range 12 {
			all = append(all, &reservation{buyer: buyer + 1, done: make(chan struct{})})
		}
		d.reserve(t.Context(), all)
		return all
	}
	told := make(map[lab.Answer]int)
	for _, r := range ask() {
		if !redis.HasErrorPrefix(r.err, "NOSCRIPT") {
			told[r.told]++ // a test beside this one has loaded it
		}
	}
	for _, r := range ask() {
		told[r.told]++
		<-r.done
	}
	if told[lab.Bought] < 10 || told[lab.SoldOut] < 2 {
		t.Errorf("told %v, want 10 to have bought and 2 that it is sold out", told)
	}
	if got := figuresOf(t, d); got.Free != 0 || got.Outbox != 10 {
		t.Errorf("%+v, want nothing free and 10 orders in the outbox", got)
	}
}

// A reservation that is asked for again is the same one, and the limit counts.
func TestReserveOnce(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 3, 1)
	d := openDesk(t, env)
	again := customers(env.Setup) + 1 // the same customer as buyer 1
	got := reserveAll(t, d, 1, 1, again, 2, 3, 4)
	want := []lab.Answer{lab.Bought, lab.Bought, lab.OverLimit, lab.Bought, lab.Bought, lab.SoldOut}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := figuresOf(t, d); got.Free != 0 || got.Outbox != 3 {
		t.Errorf("%+v, want nothing free and 3 orders in the outbox", got)
	}
}

// The count sees pieces beyond the limit.
func TestOverLimit(t *testing.T) {
	t.Parallel()
	env := reserveEnv(t, 10, 1)
	ctx := context.WithoutCancel(t.Context())
	for _, buyer := range []int{1, 11, 21, 2} { // three visits of one customer
		must(t, sell(ctx, env, buyer, setNum(ctx, env, 1, 6)))
	}
	c, err := count(ctx, env.DB, env.Setup)
	must(t, err)
	if diff := cmp.Diff(lab.Counts{Sold: 4, Left: 6, Doubled: 2}, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
