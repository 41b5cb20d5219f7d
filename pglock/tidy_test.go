package pglock

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Rows of names that were not used for a day go, those in use stay, and the next token of
// a name whose row is gone is higher all the same.
func TestTidy(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t)
	d, err := New(t.Context(), testserver.PostgresURL(s.Addr, "postgres"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := d.(*table)
	run := func(sql string) {
		t.Helper()
		if _, err := c.pool.run(t.Context(), step{sql: sql}); err != nil {
			t.Fatal(err)
		}
	}
	acquire := func(name, holder string, mode driver.Mode, ttl time.Duration) driver.Lease {
		t.Helper()
		lease, err := d.Acquire(t.Context(), driver.Request{Name: name, Holder: holder, Mode: mode, TTL: ttl, NoWait: true})
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}
	old := acquire("old", "1", driver.Exclusive, time.Minute)
	if err := d.Release(t.Context(), old.Request); err != nil {
		t.Fatal(err)
	}
	acquire("held", "2", driver.Exclusive, time.Hour)
	acquire("crowded", "3", driver.Shared, time.Hour)
	acquire("abandoned", "4", driver.Shared, time.Hour)
	const day = "86400000000"
	run("UPDATE pawl_lock SET token = token - 2 * " + day + ", until = CASE WHEN until = 0 THEN 0 ELSE until END")
	run("UPDATE pawl_lock_lease SET until = 1 WHERE holder = '4'")
	if err := c.tidyOnce(context.Background()); err != nil {
		t.Fatal(err)
	}
	var names []nameRow
	if _, err := c.pool.run(t.Context(), step{sql: "SELECT name FROM pawl_lock ORDER BY name", read: collect(&names)}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, row := range names {
		left = append(left, string(row.Name))
	}
	if got := strings.Join(left, " "); got != "crowded held" {
		t.Errorf("left are %s, want crowded and held", got)
	}
	if again := acquire("old", "5", driver.Exclusive, time.Minute); again.Token <= old.Token {
		t.Errorf("token %d after %d", again.Token, old.Token)
	}
}
