package flashsale_test

import (
	"database/sql"
	"testing"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/labtest"
	"github.com/pawl-go/pawl/internal/testserver"
)

// The lock server is killed, or cut off, while a holder is about to write.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"redis-setnx", "redis-owner-lua", "pawl", "pawl-fenced", "reserve"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			server := testserver.Redis(t)
			proxy := testserver.NewProxy(t, server.Addr)
			s := session(t, strategy)
			s.Faults = []lab.Fault{lab.Restart, lab.Cut}
			s.Locks = []lab.LockServer{{
				URL:     "redis://" + proxy.Addr,
				Restart: func() error { server.Kill(); return server.Start() },
				Cut: func(on bool) {
					proxy.Refuse(on)
					if on {
						proxy.Cut()
					}
				},
			}}
			if report := run(t, s); len(report.Runs) != 2 {
				t.Errorf("%d runs, want 2", len(report.Runs))
			}
		})
	}
}

// The only writer is killed when all buyers have their answer: what is promised is written
// all the same. And what a Redis forgets that is restarted is missing, though only one
// buyer is served at a time.
func TestReserveWithOneProcess(t *testing.T) {
	t.Parallel()
	s := session(t, "reserve")
	s.Locks = labtest.Redis(t)
	s.Faults, s.Procs, s.Clients, s.Stock, s.Buyers = []lab.Fault{lab.Kill, lab.Restart}, 1, 1, 8, 8
	runs := run(t, s).Runs
	if runs[0].Sold != 8 || runs[0].Outcome != lab.Holds || runs[1].Expected != lab.Broken {
		t.Errorf("%+v", runs)
	}
}

// What is peculiar to a database: its locks, its errors, its dialect.
const onServers = "for-update,for-share-then-update,version,conditional,serializable,segments,reserve,pawl-tx"

func TestOnPostgres(t *testing.T) {
	t.Parallel()
	server := testserver.Postgres(t)
	onServer(t, testserver.PostgresURL(server.Addr, "postgres"))
}

func TestOnMySQL(t *testing.T) {
	t.Parallel()
	onMySQL(t, testserver.MySQL(t))
}

func TestOnMariaDB(t *testing.T) {
	t.Parallel()
	onMySQL(t, testserver.MariaDB(t))
}

func onMySQL(t *testing.T, server *testserver.Process) {
	t.Helper()
	db, err := sql.Open("mysql", testserver.MySQLDSN(server.Addr, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE lab"); err != nil {
		t.Fatal(err)
	}
	onServer(t, testserver.MySQLURL(server.Addr, "lab"))
}

// onServer has a worker killed while customers want more than they may have of several
// products, and a lock table without a fault, which it would not survive.
func onServer(t *testing.T, url string) {
	t.Helper()
	for strategies, fault := range map[string]lab.Fault{onServers: lab.Kill, "lock-table": lab.None} {
		s := session(t, strategies)
		s.DB, s.Faults = url, []lab.Fault{fault}
		s.Locks = []lab.LockServer{{URL: redisURL(t)}}
		s.Stock, s.Products, s.Limit = 8, 3, 1
		for _, r := range run(t, s).Runs {
			if r.Doubled > 0 {
				t.Errorf("%s: %d pieces over the limit", r.Strategy, r.Doubled)
			}
		}
	}
}

// Who can keep to the limit does, whatever strikes.
func TestLimit(t *testing.T) {
	t.Parallel()
	s := session(t, "for-update,version,conditional,serializable,pawl,pawl-fenced,segments,reserve")
	s.Locks = []lab.LockServer{{URL: redisURL(t)}}
	s.Faults, s.Limit = []lab.Fault{lab.None, lab.Kill}, 1
	const customers = 30 // of 120 visits
	s.Stock = customers
	for _, r := range run(t, s).Runs {
		if r.Doubled > 0 || r.Sold != customers {
			t.Errorf("%s, %s: %d sold, %d over the limit; want a piece for each of %d customers", r.Strategy, r.Faults, r.Sold, r.Doubled, customers)
		}
	}
}
