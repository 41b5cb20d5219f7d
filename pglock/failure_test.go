package pglock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

// A server that is killed and comes back keeps the locks, for holders and for those in
// line.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t)
	url := testserver.PostgresURL(s.Addr, "postgres")
	c, other := client(t, url, nil), client(t, url, nil)
	lock := mustLock(t, c, "x", pawl.TTL(30*time.Second))
	got := make(chan error, 1)
	go func() { got <- quick(t.Context(), other, "x") }()
	waiters(t, c, "x", 1)
	s.Kill()
	must(t, s.Start())
	if err := lock.Context().Err(); err != nil {
		t.Fatalf("lost: %v", context.Cause(lock.Context()))
	}
	if _, err := client(t, url, nil).TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrHeld) {
		t.Errorf("TryLock by somebody else: %v", err)
	}
	must(t, lock.Unlock())
	if err := <-got; err != nil && !errors.Is(err, pawl.ErrUnavailable) {
		t.Error(err)
	}
	next := mustLock(t, c, "x")
	if next.Token() <= lock.Token() {
		t.Errorf("token %d after %d", next.Token(), lock.Token())
	}
	must(t, next.Unlock())
}

// terminate ends every connection to the database but the one that asks.
func terminate(tb testing.TB, url string) {
	tb.Helper()
	exec(tb, connect(tb, url), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
}

// A waiter whose connections are ended by the administrator keeps its place, and a holder
// its lock.
func TestBackendTerminated(t *testing.T) {
	t.Parallel()
	url := database(t)
	c, other := client(t, url, nil), client(t, url, nil)
	held, lock := mustLock(t, c, "held", pawl.TTL(900*time.Millisecond)), mustLock(t, c, "x")
	got := make(chan error, 1)
	go func() { got <- quick(t.Context(), other, "x") }()
	waiters(t, c, "x", 1)
	terminate(t, url)
	waiters(t, client(t, url, nil), "x", 1)
	until := held.Until()
	eventually(t, "a renewal", func() bool { return held.Until().After(until) || held.Context().Err() != nil })
	if err := held.Context().Err(); err != nil {
		t.Error(context.Cause(held.Context()))
	}
	must(t, lock.Unlock())
	must(t, <-got)
	must(t, held.Unlock())
}

func TestLostReply(t *testing.T) {
	t.Parallel()
	s := server(t)
	url := database(t)
	proxy := testserver.NewProxy(t, s.Addr)
	c, witness := client(t, strings.Replace(url, s.Addr, proxy.Addr, 1)+"&timeout=1s", nil), client(t, url, nil)
	testlock.LostReply(t, c, witness, proxy)
}

func TestServerHangs(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t)
	testlock.ServerHangs(t, client(t, testserver.PostgresURL(s.Addr, "postgres"), nil), s)
}

// A row that somebody keeps locked costs others nothing but a moment, and whoever wants
// it an error in time. A lease whose row it is cannot be renewed; those beside it are.
func TestRowKeptLocked(t *testing.T) {
	t.Parallel()
	url := database(t)
	c := client(t, url+"&timeout=1s", nil)
	must(t, quick(t.Context(), c, "stuck"))
	renewed, unlucky := mustLock(t, c, "renewed", pawl.TTL(2*time.Second)), mustLock(t, c, "stuck too", pawl.TTL(2*time.Second))
	until := renewed.Until()
	stuck := begin(t, url)
	_, err := stuck.Exec(t.Context(), "SELECT FROM pawl_lock WHERE name IN ('stuck', 'stuck too') FOR UPDATE")
	must(t, err)
	if _, err := c.TryLock(t.Context(), "stuck"); !errors.Is(err, pawl.ErrUnavailable) || !strings.Contains(err.Error(), "keeps a row") {
		t.Errorf("the name whose row is locked: %v", err)
	}
	must(t, quick(t.Context(), c, "another"))
	eventually(t, "some renewals", func() bool {
		return renewed.Until().Sub(until) > 3*time.Second || renewed.Context().Err() != nil
	})
	if err := renewed.Context().Err(); err != nil {
		t.Errorf("the lease beside it: %v", context.Cause(renewed.Context()))
	}
	if err := unlucky.Context().Err(); err == nil {
		t.Error("a lease that could not be renewed is still trusted")
	}
	must(t, stuck.Rollback(t.Context()))
	must(t, renewed.Unlock())
	must(t, quick(t.Context(), c, "stuck"))
	_ = unlucky.Unlock() // it was lost
}

// One connection is enough for everything, however many want one.
func TestFullPool(t *testing.T) {
	t.Parallel()
	url := database(t) + "&conns=1"
	c := client(t, url, nil)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			if err := quick(t.Context(), c, fmt.Sprint("name ", i%10)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// The server's time zone has no part in it, not even in the hour that a change to summer
// time skips or repeats.
func TestTimeZone(t *testing.T) {
	t.Parallel()
	url := database(t)
	exec(t, connect(t, url), "ALTER DATABASE "+url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")]+" SET timezone = 'Europe/Berlin'")
	c := client(t, url, nil)
	lock := mustLock(t, c, "x")
	info, err := c.Inspect(t.Context(), "x")
	must(t, err)
	if len(info.Holders) != 1 || time.Since(info.Holders[0].Since).Abs() > time.Minute {
		t.Errorf("held since %+v, now it is %v", info.Holders, time.Now())
	}
	must(t, lock.Unlock())
}

// What the driver asks the clock for has no zone: the instants in a gap and in a repeated
// hour are as far apart as they are.
func TestClockAcrossTheGap(t *testing.T) {
	t.Parallel()
	conn := connect(t, database(t))
	exec(t, conn, "SET timezone = 'Europe/Berlin'")
	var spring, autumn int64
	must(t, conn.QueryRow(t.Context(), `SELECT
		(extract(epoch FROM timestamptz '2026-03-29 01:00:01Z') * 1000000)::bigint - (extract(epoch FROM timestamptz '2026-03-29 00:59:59Z') * 1000000)::bigint,
		(extract(epoch FROM timestamptz '2026-10-25 01:00:01Z') * 1000000)::bigint - (extract(epoch FROM timestamptz '2026-10-25 00:59:59Z') * 1000000)::bigint`).
		Scan(&spring, &autumn))
	if spring != 2_000_000 || autumn != 2_000_000 {
		t.Errorf("2 s across the changes are %d and %d µs", spring, autumn)
	}
}

// A holder that was paused until its lease was over cannot write any more, once the next
// one has written.
func TestPausedHolderIsFenced(t *testing.T) {
	t.Parallel()
	url := database(t)
	exec(t, connect(t, url), "CREATE TABLE stock (id bigint PRIMARY KEY, num bigint, fence bigint)")
	exec(t, connect(t, url), "INSERT INTO stock VALUES (42, 10, NULL)")
	db := openSQL(t, url)
	stock := fence.SQL{Dialect: fence.PostgreSQL, Table: "stock", Key: "id", Token: "fence"}
	paused := mustLock(t, client(t, url, nil), "stock:42", pawl.TTL(300*time.Millisecond), pawl.NoRenew())
	next := mustLock(t, client(t, url, nil), "stock:42") // waits until the paused one's lease is over
	must(t, stock.Update(t.Context(), db, int64(42), next.Token(), "num = num - $1", int64(1)))
	if err := stock.Update(t.Context(), db, int64(42), paused.Token(), "num = num - $1", int64(1)); !errors.Is(err, fence.ErrStale) {
		t.Errorf("the late write: %v, want ErrStale", err)
	}
	must(t, next.Unlock())
}

// 10,000 leases are renewed with few statements: three times within their TTL.
func TestRenewManyStatements(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t, "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all")
	url := testserver.PostgresURL(s.Addr, "postgres")
	admin := connect(t, url)
	exec(t, admin, "CREATE EXTENSION pg_stat_statements")
	d := mustOpen(t, url)
	const leases, most = 10_000, 200
	held := acquireMany(t, d, leases)
	exec(t, admin, "SELECT pg_stat_statements_reset()")
	start := time.Now()
	for range 3 {
		for i, renewal := range d.Renew(t.Context(), held) {
			if renewal.Err != nil {
				t.Fatalf("lease %d: %v", i, renewal.Err)
			}
		}
	}
	took := time.Since(start)
	var calls int
	must(t, admin.QueryRow(t.Context(), "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%pawl_lock%'").Scan(&calls))
	t.Logf("3 renewals of %d leases: %d statements, %v", leases, calls, took)
	if calls > most {
		t.Errorf("%d statements, want %d at most", calls, most)
	}
}

// acquireMany takes n locks.
func acquireMany(tb testing.TB, d driver.Driver, n int) []driver.Lease {
	tb.Helper()
	held := make([]driver.Lease, n)
	var group sync.WaitGroup
	for worker := range 64 {
		group.Go(func() {
			for i := worker; i < n; i += 64 {
				var err error
				req := driver.Request{Name: fmt.Sprint("row ", i), Holder: fmt.Sprint("holder ", i), TTL: time.Minute, NoWait: true}
				if held[i], err = d.Acquire(tb.Context(), req); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	group.Wait()
	return held
}
