package mysqllock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t)
		name := newDatabase(t, server.Addr)
		db := connect(t, server.Addr, name)
		d := mustOpen(t, testserver.MySQLURL(server.Addr, name))
		for what, level := range levels(t, d) {
			if level != driver.Fine {
				t.Errorf("%s of a fresh server: %v", what, level)
			}
		}
		exec(t, db, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
		exec(t, db, "ALTER TABLE pawl_lock_line DROP KEY place")
		got := levels(t, d)
		if got["durability"] != driver.Warning || got["tables"] != driver.Problem {
			t.Errorf("with lazy commits and a table of another shape: %v", got)
		}
		exec(t, db, "SET GLOBAL read_only = 1")
		if got := levels(t, d); got["role"] != driver.Problem {
			t.Errorf("read-only: %v", got)
		}
	})
}
