package pglock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	url := database(t)
	for what, level := range levels(t, url) {
		if level != driver.Fine {
			t.Errorf("as started, %s: %v", what, level)
		}
	}
	admin := connect(t, url)
	name := admin.Config().Database
	exec(t, admin, "ALTER DATABASE "+name+" SET synchronous_commit = off")
	exec(t, admin, "ALTER DATABASE "+name+" SET idle_session_timeout = '1min'")
	exec(t, admin, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'serializable'")
	exec(t, admin, "ALTER TABLE pawl_lock SET UNLOGGED")
	got := levels(t, url)
	for what, want := range map[string]driver.Level{
		"durability": driver.Warning, "timeouts": driver.Warning, "table": driver.Warning, "isolation": driver.Fine, "schema": driver.Fine,
	} {
		if got[what] != want {
			t.Errorf("%s: %v, want %v", what, got[what], want)
		}
	}
}

func TestCheckPooler(t *testing.T) {
	t.Parallel()
	bouncer := testserver.PgBouncer(t, server(t), "transaction")
	got := levels(t, testserver.PostgresURL(bouncer.Addr, connect(t, database(t)).Config().Database))
	if got["pooler"] != driver.Warning || got["notify"] != driver.Warning || got["schema"] != driver.Fine {
		t.Errorf("got %v", got)
	}
}
