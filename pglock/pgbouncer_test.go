package pglock_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/testserver"
)

// Behind a pooler that gives each transaction another server connection everything works,
// without notifications and without settings of the session.
func TestPgBouncerTransactionMode(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t)
	url := testserver.PostgresURL(testserver.PgBouncer(t, s, "transaction").Addr, "postgres")
	one, two := client(t, url, nil), client(t, url, nil)
	lock := mustLock(t, one, "x")
	const inLine = 5
	var group sync.WaitGroup
	for i := range inLine {
		group.Go(func() {
			if err := quick(t.Context(), client(t, url, nil), "x"); err != nil {
				t.Error(err)
			}
		})
		waiters(t, two, "x", i+1)
	}
	start := time.Now()
	must(t, lock.Unlock())
	group.Wait()
	if took := time.Since(start); took > inLine*time.Second {
		t.Errorf("%d handoffs took %v", inLine, took)
	}
	for i := range 50 {
		group.Go(func() {
			if err := quick(t.Context(), one, fmt.Sprint("y", i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
