package mysqllock_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// questions returns how many statements the server at addr has been sent.
func questions(tb testing.TB, db *sql.DB) (n int) {
	tb.Helper()
	var name string
	must(tb, db.QueryRowContext(tb.Context(), "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n))
	return n
}

// alone returns the URL of a server that nobody else uses, with a pool to count on.
func (e engine) alone(tb testing.TB) (url string, db *sql.DB) {
	tb.Helper()
	server := e.start(tb)
	name := newDatabase(tb, server.Addr)
	return testserver.MySQLURL(server.Addr, name), connect(tb, server.Addr, name)
}

// 10,000 held locks take at most 200 statements in a TTL, at a renewal every third of it.
func TestRenewalsAreFew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.alone(t)
		d := mustOpen(t, url+"?timeout=20s")
		const locks = 10_000
		leases := make([]driver.Lease, locks)
		inChunks(t, locks, 500, func(i int) error {
			req := driver.Request{Name: fmt.Sprint("stock:", i), Holder: fmt.Sprint("holder ", i), TTL: 10 * time.Minute, NoWait: true}
			lease, err := d.Acquire(t.Context(), req)
			leases[i] = lease
			return err
		})
		before := questions(t, db)
		start := time.Now()
		for range 3 {
			for i, renewal := range d.Renew(t.Context(), leases) {
				if renewal.Err != nil {
					t.Fatalf("lease %d: %v", i, renewal.Err)
				}
			}
		}
		n := questions(t, db) - before
		if n > 200 {
			t.Errorf("%d statements for three renewals of %d leases, want at most 200", n, locks)
		}
		t.Logf("%d statements, %v for each renewal of %d leases", n, time.Since(start)/3, locks)
	})
}

// inChunks calls do for 0 to n, so many at the same time.
func inChunks(t *testing.T, n, together int, do func(i int) error) {
	t.Helper()
	for from := 0; from < n; from += together {
		var all sync.WaitGroup
		for i := from; i < min(from+together, n); i++ {
			all.Go(func() {
				if err := do(i); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// Who waits costs the server under 20 statements a second, whether next in line or not.
func TestWaitersAreQuiet(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.alone(t)
		holder := mustOpen(t, url)
		first := acquire(t, holder, request("x"))
		const waiters = 5
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range waiters {
			d := mustOpen(t, url)
			all.Go(func() {
				req := request("x")
				req.Holder, req.NoWait = fmt.Sprint("waiter ", i), false
				_, _ = d.Acquire(ctx, req)
			})
		}
		inLine(t, holder, "x", waiters)
		const stretch = 4 * time.Second
		before := questions(t, db)
		<-time.After(stretch)
		n := questions(t, db) - before
		if rate := float64(n) / stretch.Seconds() / waiters; rate > 20 {
			t.Errorf("%.1f statements a second for each waiter, want under 20", rate)
		} else {
			t.Logf("%.1f statements a second for each waiter", rate)
		}
		cancel()
		all.Wait()
		must(t, holder.Release(t.Context(), first.Request))
	})
}

// The bell wakes the next in line in a fraction of the time between two looks.
func TestBellRings(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		a, b := mustOpen(t, url), mustOpen(t, url)
		var took []time.Duration
		for i := range 15 {
			first := acquire(t, a, request("x"))
			got := make(chan time.Time, 1)
			next := request("x")
			next.Holder, next.NoWait = fmt.Sprint("next ", i), false
			go func() {
				if _, err := b.Acquire(t.Context(), next); err != nil {
					t.Error(err)
				}
				got <- time.Now()
			}()
			inLine(t, a, "x", 1)
			start := time.Now()
			must(t, a.Release(t.Context(), first.Request))
			took = append(took, (<-got).Sub(start))
			must(t, b.Release(t.Context(), next))
		}
		slices.Sort(took)
		t.Logf("%v", took)
		if median := took[len(took)/2]; median > 60*time.Millisecond { // two looks are 150 ms apart
			t.Errorf("a handoff takes %v", median)
		}
	})
}

// A waiter that was killed delays the line by the claim window at most: see drivertest's
// ClaimKilledProcess. Here the whole client is cut off while its grant is on the way.
func TestNextIsCutOff(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		far, proxy := through(t, url, e.shared(t).Addr)
		holder, dead, next := mustOpen(t, url), mustOpen(t, far+"?timeout=500ms"), mustOpen(t, url)
		first := acquire(t, holder, request("x"))
		wait := func(d driver.Driver, id string) <-chan error {
			got := make(chan error, 1)
			go func() {
				req := request("x")
				req.Holder, req.NoWait = id, false
				_, err := d.Acquire(t.Context(), req)
				got <- err
			}()
			return got
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			req := request("x")
			req.Holder, req.NoWait = "dead", false
			_, _ = dead.Acquire(ctx, req)
		}()
		inLine(t, holder, "x", 1)
		got := wait(next, "next")
		inLine(t, holder, "x", 2)
		proxy.Refuse(true)
		proxy.Cut()
		start := time.Now()
		must(t, holder.Release(t.Context(), first.Request))
		must(t, <-got)
		took, most := time.Since(start), holder.Traits().ClaimWindow+time.Second // a busy machine
		if took > most {
			t.Errorf("the line moved after %v, want at most %v", took, most)
		}
		t.Logf("the line moved after %v", took)
	})
}

// BenchmarkOwnKey measures 64 workers that lock and unlock a key each, beside as many that
// upsert a row each.
func BenchmarkOwnKey(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			url, db := e.database(b)
			exec(b, db, "CREATE TABLE plain (k VARBINARY(512) PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB")
			db.SetMaxOpenConns(workers)
			db.SetMaxIdleConns(workers)
			b.Run("upsert", func(b *testing.B) {
				each(b, func(i int) error {
					_, err := db.ExecContext(b.Context(), "INSERT INTO plain VALUES (?, 1) ON DUPLICATE KEY UPDATE v = v + 1", fmt.Sprint("stock:", i))
					return err
				})
			})
			c, err := pawl.New(mustOpen(b, url), nil)
			must(b, err)
			b.Run("lock", func(b *testing.B) {
				each(b, func(i int) error {
					lock, err := c.Lock(b.Context(), fmt.Sprint("stock:", i))
					if err != nil {
						return err
					}
					return lock.Unlock()
				})
			})
			must(b, c.Close(b.Context()))
		})
	}
}

const workers = 64

func each(b *testing.B, do func(worker int) error) {
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range workers {
		all.Go(func() {
			for range b.N/workers + 1 {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cycles/s")
}
