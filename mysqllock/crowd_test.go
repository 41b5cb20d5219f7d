package mysqllock_test

import (
	"context"
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
