package leave_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/labtest"
	"github.com/pawl-go/pawl/internal/lab/leave"
)

func TestMain(m *testing.M) { labtest.Main(m, leave.Scenario()) }

func small(s *lab.Session) { s.Stock, s.Products, s.Buyers = 20, 2, 100 }

func TestStrategies(t *testing.T) { labtest.Everywhere(t, leave.Scenario(), small) }

// The pause strikes in the one window that a lock leaves open, so it shows each time;
// and the fence refuses just that write. So does a restart of a Redis that forgets.
func TestFaultsThatOutliveTheLock(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, leave.Scenario(), "pawl,pawl-fenced")
	small(s)
	s.Locks, s.Faults = labtest.Redis(t), []lab.Fault{lab.Pause, lab.Restart, lab.Cut}
	report := labtest.Run(t, s)
	for _, r := range report.Runs {
		fenced := r.Strategy == "pawl-fenced"
		if !fenced && r.Verdict != lab.Broken || fenced && (r.Verdict != lab.Safe || r.Refused == 0) {
			t.Errorf("%s, %s: %+v", r.Strategy, r.Faults, r)
		}
	}
	if report.Moral == "" {
		t.Error("no moral")
	}
}

// What is expected of each strategy: with more wanted than there is, under a pause, in one
// process, and with enough for all.
func TestExpectations(t *testing.T) {
	t.Parallel()
	many := lab.Setup{Stock: 40, Products: 4, Buyers: 400, Procs: 4, Clients: 8}
	pause, oneProcess, enough := many, many, many
	pause.Fault, oneProcess.Procs, enough.Stock = lab.Pause, 1, 1000
	const safe, over, lost = lab.Holds, lab.Oversells, lab.LosesUpdates
	want := map[string][]lab.Outcome{
		"read-then-write":       {over, over, over, lost},
		"decrement":             {over, over, over, safe},
		"process-mutex-per-key": {over, over, safe, lost},
		"for-update":            {safe, safe, safe, safe},
		"version":               {safe, safe, safe, safe},
		"conditional":           {safe, safe, safe, safe},
		"serializable":          {safe, safe, safe, safe},
		"pawl":                  {safe, over, safe, safe},
		"pawl-fenced":           {safe, safe, safe, safe},
	}
	if diff := cmp.Diff(want, labtest.Expected(leave.Scenario(), many, pause, oneProcess, enough)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
