package mysqllock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/testlock"
	"github.com/pawl-go/pawl/internal/testserver"
)

// A server that is killed and started again keeps the locks, and those in line go on
// waiting.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t)
		url := testserver.MySQLURL(server.Addr, newDatabase(t, server.Addr))
		c, look := newClient(t, url, nil), mustOpen(t, url)
		lock := mustLock(t, c, "x", pawl.TTL(time.Minute))
		got := make(chan error, 1)
		other := newClient(t, url, nil)
		go func() { got <- quick(t.Context(), other, "x") }()
		inLine(t, look, "x", 1)
		server.Kill()
		must(t, server.Start())
		if err := lock.Context().Err(); err != nil {
			t.Fatalf("lost: %v", context.Cause(lock.Context()))
		}
		if _, err := look.Acquire(t.Context(), request("x")); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("after the restart: %v, want ErrHeld", err)
		}
		must(t, lock.Unlock())
		must(t, <-got)
	})
}

// Connections that are killed, that of the bell included, cost those who use them nothing.
func TestConnectionsKilled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t)
		url := testserver.MySQLURL(server.Addr, newDatabase(t, server.Addr))
		root := connect(t, server.Addr, "")
		c, other, look := newClient(t, url, nil), newClient(t, url, nil), mustOpen(t, url)
		lock := mustLock(t, c, "x")
		got := make(chan error, 1)
		go func() { got <- quick(t.Context(), other, "x") }()
		inLine(t, look, "x", 1)
		rows, err := root.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE db IS NOT NULL AND id <> CONNECTION_ID()")
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var id int64
			must(t, rows.Scan(&id))
			_, _ = root.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id)) // it may have ended
		}
		must(t, rows.Err())
		must(t, lock.Unlock())
		must(t, <-got)
	})
}

func TestServerHangs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t)
		url := testserver.MySQLURL(server.Addr, newDatabase(t, server.Addr))
		testlock.ServerHangs(t, newClient(t, url, nil), server)
	})
}

// An acquisition and a release whose commits have no reply have the effect of one.
func TestLostReply(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		far, proxy := through(t, url, e.shared(t).Addr)
		c, witness := newClient(t, far+"?timeout=300ms", nil), newClient(t, url, nil)
		testlock.LostReply(t, c, witness, proxy)

		d := mustOpen(t, far+"?timeout=300ms")
		req := request("y")
		lease := acquire(t, d, req)
		proxy.DropReplies(true)
		if err := d.Release(t.Context(), req); !errors.Is(err, driver.ErrUnavailable) {
			t.Errorf("Release without a reply: %v", err)
		}
		proxy.DropReplies(false)
		proxy.Cut()
		must(t, d.Release(t.Context(), req))
		next := request("y")
		next.Holder = "the next"
		if got := acquire(t, mustOpen(t, url), next); got.Token <= lease.Token {
			t.Errorf("token %d after %d", got.Token, lease.Token)
		}
		must(t, d.Release(t.Context(), req)) // changes nothing of the next one's
		if renewal := d.Renew(t.Context(), []driver.Lease{{Request: next}})[0]; renewal.Err != nil {
			t.Error(renewal.Err)
		}
	})
}

// A row that somebody else keeps locked delays the locks of that name, and no others for
// longer than the row is waited for. A grant that comes late is not trusted too long.
func TestForeignRowLock(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		d := mustOpen(t, url)
		must(t, d.Release(t.Context(), acquire(t, d, request("x")).Request))
		tx := begin(t, db)
		_, err := tx.ExecContext(t.Context(), "UPDATE pawl_lock SET token = token WHERE name = 'x'")
		must(t, err)
		var row int
		must(t, tx.QueryRowContext(t.Context(), "SELECT 1 FROM pawl_lock WHERE name = 'x' FOR UPDATE").Scan(&row))
		var both sync.WaitGroup
		for _, name := range []string{"w", "x", "y"} {
			both.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				req := request(name)
				req.TTL = 400 * time.Millisecond
				lease, err := d.Acquire(ctx, req)
				switch {
				case name == "x" && !errors.Is(err, driver.ErrUnavailable):
					t.Errorf("x, which somebody keeps locked: %v", err)
				case name != "x" && err != nil:
					t.Errorf("%s: %v", name, err)
				case name != "x" && time.Until(lease.Until) > req.TTL:
					t.Errorf("%s: trusted for another %v of %v", name, time.Until(lease.Until), req.TTL)
				}
			})
		}
		both.Wait()
		must(t, tx.Rollback())
	})
}

// Server zones with a gap have no say: a session has UTC.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		d := mustOpen(t, url+"?timeout=10s")
		for _, zone := range []string{"+13:00", "-12:00"} {
			exec(t, db, "SET GLOBAL time_zone = '"+zone+"'")
		}
		t.Cleanup(func() { exec2(db, "SET GLOBAL time_zone = 'SYSTEM'") })
		first := acquire(t, d, request("x"))
		fresh := mustOpen(t, url)
		if _, err := fresh.Acquire(t.Context(), driver.Request{Name: "x", Holder: "h", TTL: ttl, NoWait: true}); !errors.Is(err, driver.ErrHeld) {
			t.Errorf("a session of another zone: %v", err)
		}
		must(t, fresh.Release(t.Context(), first.Request))
		second := acquire(t, fresh, driver.Request{Name: "x", Holder: "i", TTL: ttl, NoWait: true})
		now := uint64(time.Now().UnixMicro())
		if second.Token <= first.Token || second.Token > now+60e6 || second.Token < now-60e6 {
			t.Errorf("token %d after %d, now is %d", second.Token, first.Token, now)
		}
		state, err := d.(driver.Inspector).Inspect(t.Context(), "x")
		must(t, err)
		if since := time.Since(state.Holders[0].Since); since.Abs() > time.Minute {
			t.Errorf("held since %v ago", since)
		}
	})
}

// A small pool is slow and not stuck, with waiters in it as well.
func TestSmallPool(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		d := smallPool(t, url)
		c, err := pawl.New(d, nil)
		must(t, err)
		defer func() { must(t, c.Close(t.Context())) }()
		holder := newClient(t, url, nil)
		held := mustLock(t, holder, "held")
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				name := fmt.Sprint("free:", i%20)
				if i%4 == 0 {
					name = "held"
				}
				for range 3 {
					if err := quick(t.Context(), c, name); err != nil {
						t.Error(err)
					}
				}
			})
		}
		inLine(t, d, "held", 1)
		must(t, held.Unlock())
		all.Wait()
	})
}

// A server that takes no more connections says so, and the driver goes on when it does.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t, "--max-connections=10")
		name := newDatabase(t, server.Addr)
		url := testserver.MySQLURL(server.Addr, name)
		d := mustOpen(t, url)
		db := connect(t, server.Addr, name)
		full := func() (ends []func()) {
			for {
				conn, err := db.Conn(t.Context())
				if err != nil {
					return ends
				}
				ends = append(ends, func() { _ = conn.Close() })
			}
		}()
		if _, err := open(t.Context(), url); !errors.Is(err, driver.ErrUnavailable) {
			t.Errorf("a full server: %v, want ErrUnavailable", err)
		}
		acquire(t, d, request("x")) // on the connection that it has
		for _, end := range full {
			end()
		}
		_ = db.Close()
		eventually(t, "a place", func() bool {
			other, err := open(t.Context(), url)
			if err == nil {
				_ = other.Close()
			}
			return err == nil
		})
	})
}

// A holder that was paused for longer than its TTL is refused by what it writes to.
func TestFencedWrite(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		exec(t, db, "CREATE TABLE stock (id INT PRIMARY KEY, n INT NOT NULL, fence BIGINT) ENGINE=InnoDB")
		exec(t, db, "INSERT INTO stock (id, n) VALUES (42, 10)")
		guard := fence.SQL{Dialect: fence.MySQL, Table: "stock", Key: "id", Token: "fence"}
		d := mustOpen(t, url)
		req := request("stock:42")
		req.TTL = 300 * time.Millisecond
		paused := acquire(t, d, req) // and nobody renews it
		next := acquire(t, mustOpen(t, url), driver.Request{Name: "stock:42", Holder: "next", TTL: ttl, NoWait: false})
		write := func(token uint64, n int) error {
			return guard.Update(t.Context(), db, 42, token, "n = ?", n)
		}
		must(t, write(next.Token, 9))
		if err := write(paused.Token, 8); !errors.Is(err, fence.ErrStale) {
			t.Errorf("the paused holder's write: %v, want it refused", err)
		}
	})
}
