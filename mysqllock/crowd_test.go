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
)

// Many clients that want one name at the same moment all get it: those whose change was
// overtaken by somebody else's do not go on losing.
func TestCrowd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		const clients, times = 24, 5
		held := 0 // guarded by the lock
		var all sync.WaitGroup
		start := time.Now()
		for range clients {
			c := newClient(t, url+"?timeout=20s", nil)
			all.Go(func() {
				for range times {
					if err := c.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { held++; return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		t.Logf("%d locks by %d clients in %v", clients*times, clients, time.Since(start))
		if held != clients*times {
			t.Errorf("held %d times, want %d", held, clients*times)
		}
	})
}

// The bells of many clients that wait do not keep each other from being rung, and a ring at
// any moment, such as during a look, leaves the sleeper what it is. (In MariaDB's
// SLEEP they would: a KILL that meets another sleeper on the mutex of all of them takes two
// seconds, and nobody falls asleep or wakes meanwhile.)
func TestManyBells(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		const bells, times = 8, 60
		db.SetMaxIdleConns(bells)
		waitOn(t, url, bells)
		var sleepers []int
		eventually(t, "sleepers", func() bool {
			sleepers = asleep(t, db)
			return len(sleepers) == bells
		})
		took := make([]time.Duration, bells*times)
		inChunks(t, bells, bells, func(bell int) error {
			for i := range times {
				<-time.After(3 * time.Millisecond) // it is asleep again, mostly
				start := time.Now()
				if _, err := db.ExecContext(t.Context(), fmt.Sprint("KILL QUERY ", sleepers[bell])); err != nil {
					return err
				}
				took[bell*times+i] = time.Since(start)
			}
			return nil
		})
		slices.Sort(took)
		t.Logf("median %v, slowest %v", took[len(took)/2], took[len(took)-1])
		if slowest := took[len(took)-1]; slowest > 1500*time.Millisecond {
			t.Errorf("a ring takes %v", slowest)
		}
	})
}

// waitOn has so many clients wait, each for a name of its own, until the test ends.
func waitOn(t *testing.T, url string, clients int) {
	t.Helper()
	holder := mustOpen(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range clients {
		req := request(fmt.Sprint("x", i))
		acquire(t, holder, req)
		req.Holder, req.NoWait = "waiter", false
		d := mustOpen(t, url)
		all.Go(func() { _, _ = d.Acquire(ctx, req) })
	}
	t.Cleanup(func() { cancel(); all.Wait() })
}

// asleep returns the connections that sleep until a bell is rung.
func asleep(t *testing.T, db *sql.DB) (ids []int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT id FROM information_schema.processlist
		WHERE db = DATABASE() AND state IN ('User lock', 'User sleep') AND info LIKE '%COUNT(*) FROM%'`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id int
		must(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	must(t, rows.Err())
	return ids
}
