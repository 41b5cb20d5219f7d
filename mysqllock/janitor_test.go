package mysqllock_test

import (
	"fmt"
	"testing"

	"github.com/pawl-go/pawl/mysqllock"
)

// Names that nobody has used for a day are forgotten, and their tokens go on rising.
func TestTidy(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		d := mustOpen(t, url)
		const old = 300 // more than are looked at in one go
		tokens := make([]uint64, old)
		inChunks(t, old, 100, func(i int) error {
			lease, err := d.Acquire(t.Context(), request(fmt.Sprint("old:", i)))
			tokens[i] = lease.Token
			if err != nil {
				return err
			}
			return d.Release(t.Context(), lease.Request)
		})
		acquire(t, d, request("held"))
		exec(t, db, "UPDATE pawl_lock SET since = since - 2 * 86400000000")
		must(t, d.Release(t.Context(), acquire(t, d, request("fresh")).Request))
		must(t, mysqllock.Tidy(t.Context(), d))
		var rows int
		must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pawl_lock").Scan(&rows))
		if rows != 2 {
			t.Errorf("%d names are left, want the held and the fresh one", rows)
		}
		if again := acquire(t, d, request("old:0")); again.Token <= tokens[0] {
			t.Errorf("token %d after %d", again.Token, tokens[0])
		}
	})
}
