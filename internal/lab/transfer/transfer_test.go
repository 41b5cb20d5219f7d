package transfer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/labtest"
	"github.com/pawl-go/pawl/internal/lab/transfer"
)

func TestMain(m *testing.M) { labtest.Main(m, transfer.Scenario()) }

// small has buyers give up early who meet one deadlock after the other.
func small(s *lab.Session) {
	s.Stock, s.Products, s.Buyers, s.Patience = 100, 1, 40, 20*time.Second
}

func TestStrategies(t *testing.T) { labtest.Everywhere(t, transfer.Scenario(), small) }

// Locks in any order meet in a circle, and are tried again; in one order they never do.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, transfer.Scenario(), "pawl-any-order,pawl-lockall")
	small(s)
	s.Faults = []lab.Fault{lab.None}
	report := labtest.Run(t, s)
	anyOrder, inOrder := report.Runs[0], report.Runs[1]
	if anyOrder.Retries == 0 || anyOrder.Sold+anyOrder.GaveUp != s.Buyers {
		t.Errorf("any order: %+v, want tries for nothing, and an answer for all", anyOrder)
	}
	if inOrder.Retries > 0 || inOrder.Sold != s.Buyers || inOrder.Note != "" {
		t.Errorf("in order: %+v, want all done at the first try", inOrder)
	}
	if report.Moral == "" {
		t.Error("no moral")
	}
}

// A restart of a Redis that forgets, and a cut, outlast the locks as a pause does.
func TestFaultsThatOutliveTheLock(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, transfer.Scenario(), "pawl-lockall")
	small(s)
	s.Locks, s.Faults = labtest.Redis(t), []lab.Fault{lab.Pause, lab.Restart, lab.Cut}
	for _, r := range labtest.Run(t, s).Runs {
		if r.Outcome != lab.LosesUpdates {
			t.Errorf("%s: %+v, want lost updates", r.Faults, r)
		}
	}
}

// What is expected without a fault, under a pause, and of one after the other.
func TestExpectations(t *testing.T) {
	t.Parallel()
	many := lab.Setup{Stock: 1000, Products: 1, Buyers: 200, Procs: 4, Clients: 8}
	pause, alone := many, many
	pause.Fault, alone.Procs, alone.Clients = lab.Pause, 1, 1
	const safe, lost = lab.Holds, lab.LosesUpdates
	want := map[string][]lab.Outcome{
		"read-then-write":      {lost, lost, safe},
		"for-update-any-order": {safe, safe, safe},
		"for-update-in-order":  {safe, safe, safe},
		"serializable":         {safe, safe, safe},
		"pawl-any-order":       {safe, lost, safe},
		"pawl-lockall":         {safe, lost, safe},
	}
	if diff := cmp.Diff(want, labtest.Expected(transfer.Scenario(), many, pause, alone)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
