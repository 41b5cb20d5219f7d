package zklock_test

import (
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// A slot whose lease is not renewed passes on, and the other one, which is, stays.
func TestSlotRunsOut(t *testing.T) {
	t.Parallel()
	runsOut(t, "run-out/gpu", settings, pawl.Slots(2), func(req *driver.Request) { req.Slots = 2 }, 2)
}

// A reader whose lease is not renewed is gone, and the other one, which is renewed, stays.
func TestReaderRunsOut(t *testing.T) {
	t.Parallel()
	runsOut(t, "run-out/catalogue", settings+"&recipe=readwrite", pawl.Shared(), func(req *driver.Request) { req.Mode = driver.Shared }, 1)
}

// runsOut lets one lease run out beside one that a client renews. left hold the name when
// another request of the same kind waits for it.
func runsOut(t *testing.T, name, params string, opt pawl.LockOption, as func(*driver.Request), left int) {
	url := "zookeeper://" + one(t).Addr + params
	lives := mustLock(t, client(t, url, nil), name, opt)
	d := mustOpen(t, url)
	dead := acquire(t, d, request(d, name, as))
	if left == 2 { // who waits gets the slot
		next := start(t, d, request(d, name, as))
		defer func() { must(t, d.Release(t.Context(), next.wait(t).Request)) }()
		next.wait(t)
	}
	eventually(t, "the end of the lease", func() bool {
		state, err := d.(driver.Inspector).Inspect(t.Context(), name)
		must(t, err)
		for _, h := range state.Holders {
			if h.Holder == dead.Holder {
				return false
			}
		}
		return len(state.Holders) == left
	})
	if time.Now().Before(dead.Until) {
		t.Errorf("it was over %v before its trust deadline", time.Until(dead.Until))
	}
	must(t, lives.Unlock())
}
