// Package drivertest is the suite that every driver of pawl passes: what the
// comments of package driver promise, case by case, through the bare driver and
// through a client, in one process and in several.
//
//	func TestMain(m *testing.M) { drivertest.Main(m, open) }
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, drivertest.Harness{New: newBackend})
//	}
//
//	func BenchmarkDriver(b *testing.B) {
//		drivertest.RunBenchmarks(b, drivertest.Harness{New: newBackend})
//	}
//
// The suite holds a driver to what its Traits say, and only to that. What a
// driver cannot do although its Traits say so is a gap, which the harness declares
// with the reason; nothing is left out silently.
package drivertest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pawl-go/pawl/driver"
)

// Harness tells the suite how to reach the engine under test.
type Harness struct {
	// New returns the backend for one case, fresh or the same as before: the suite
	// puts a random prefix before every name that it uses. What New sets up, it takes
	// down in tb.Cleanup. Cases run in parallel.
	New func(tb testing.TB) Backend

	// Gaps are the names of the cases that this driver does not pass, with the
	// reason. They are reported as skipped; a name that is no case fails the suite.
	Gaps map[string]string

	// Exact says that the backend lives in this process and knows no time but that
	// of package time. Cases then run in synctest bubbles, where times are exact and
	// cost nothing, and the suite allows for no delay.
	Exact bool
}

// Backend is one set of locks.
type Backend struct {
	// Open returns the driver of one more client, as if it were another process. The
	// suite closes it.
	Open func(tb testing.TB) driver.Driver

	// URL is what worker processes give to the function that was passed to Main, to
	// open the same backend. It is not needed when the Scope is Process.
	URL string

	// Restart, when not nil, stops the engine and starts it again while no driver is
	// open. For an engine without a process of its own, closing and opening is all
	// there is.
	Restart func(tb testing.TB)
}

// Run runs the suite as subtests of t, one for each case.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, name := range h.unknownGaps() {
		t.Errorf("gap %q is no case of the suite", name)
	}
	reportPassed(t, h)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.start(t, h) })
	}
}

// unknownGaps returns the gaps that are no cases, sorted.
func (h Harness) unknownGaps() (unknown []string) {
	for _, name := range slices.Sorted(maps.Keys(h.Gaps)) {
		if !slices.ContainsFunc(cases, func(c testCase) bool { return c.name == name }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// A testCase is one promise that is put to the test.
type testCase struct {
	name  string
	needs need
	run   func(t *testing.T, e *env)
}

// need is what a case cannot do without.
type need uint

const (
	needShared    need = 1 << iota // or the driver says ErrUnsupported
	needSlots                      // or the driver says ErrUnsupported
	needInspect                    // or the client says ErrUnsupported
	needBreak                      // or the client says ErrUnsupported
	needFIFO                       // as in Traits
	needDurable                    // as in Traits
	needProcesses                  // a Scope wider than one process
	needAlone                      // no other case at the same time
	needRealTime                   // no bubble: it would take the time away that the case measures
)

// start runs c, or checks that what it needs is refused as it should be.
func (c testCase) start(t *testing.T, h Harness) {
	if reason, ok := h.Gaps[c.name]; ok {
		t.Skipf("gap declared by the harness: %s", reason)
	}
	if h.Exact && c.needs&(needRealTime|needProcesses) != 0 {
		t.Skip("not in a bubble: it needs real time")
	}
	if c.needs&needAlone == 0 {
		t.Parallel()
	}
	inPlace := func(t *testing.T) {
		e := newEnv(t, h)
		e.checkAtEnd(t)
		if missing := e.missing(c.needs); missing != 0 {
			e.without(t, missing)
			return
		}
		c.run(t, e)
	}
	if h.Exact {
		synctest.Test(t, inPlace)
		return
	}
	inPlace(t)
}

// missing returns what of needs this backend does not have.
func (e *env) missing(needs need) (missing need) {
	_, inspector := e.look.(driver.Inspector)
	_, breaker := e.look.(driver.Breaker)
	for flag, has := range map[need]bool{
		needShared:    e.traits.Shared,
		needSlots:     e.traits.Slots,
		needInspect:   inspector,
		needBreak:     breaker,
		needFIFO:      e.traits.FIFO,
		needDurable:   e.traits.Durable,
		needProcesses: e.traits.Scope > driver.Process,
	} {
		if needs&flag != 0 && !has {
			missing |= flag
		}
	}
	return missing
}

// without checks that what is missing is refused, where it can be asked for, and
// skips the case.
func (e *env) without(t *testing.T, missing need) {
	var reasons []string
	for _, lack := range []struct {
		flag  need
		text  string
		check func(*testing.T, *env)
	}{
		{needShared, "no shared locks", sharedUnsupported},
		{needSlots, "no slots", slotsUnsupported},
		{needInspect, "no driver.Inspector", inspectUnsupported},
		{needBreak, "no driver.Breaker", breakUnsupported},
		{needFIFO, "not FIFO", nil},
		{needDurable, "not durable", nil},
		{needProcesses, "its scope is one process", nil},
	} {
		if missing&lack.flag == 0 {
			continue
		}
		reasons = append(reasons, lack.text)
		if lack.check != nil {
			lack.check(t, e)
		}
	}
	if !t.Failed() {
		t.Skipf("by its traits: %s", strings.Join(reasons, ", "))
	}
}
