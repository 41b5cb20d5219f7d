package pipeline_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/labtest"
	"github.com/pawl-go/pawl/internal/lab/pipeline"
)

func TestMain(m *testing.M) { labtest.Main(m, pipeline.Scenario()) }

func small(s *lab.Session) { s.Stock, s.Buyers = 12, 100 }

func TestStrategies(t *testing.T) { labtest.Everywhere(t, pipeline.Scenario(), small) }

// A run that dies between copying and deleting has left rows in both places. The next one
// clears them up, or they would be copied again.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, pipeline.Scenario(), "pawl-lockall,process-mutex")
	small(s)
	s.Procs, s.Faults = 1, []lab.Fault{lab.Kill}
	for _, r := range labtest.Run(t, s).Runs {
		if r.Verdict != lab.Safe || r.Lost > 0 || r.Doubled > 0 {
			t.Errorf("%s: %+v, want every row once", r.Strategy, r)
		}
	}
}

// A run whose locks went to others while it was held up deletes what they have written.
func TestFaultsThatOutliveTheLocks(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, pipeline.Scenario(), "pawl-lockall")
	small(s)
	s.Locks, s.Faults = labtest.Redis(t), []lab.Fault{lab.Pause, lab.Restart, lab.Cut}
	for _, r := range labtest.Run(t, s).Runs {
		if r.Outcome != lab.LosesUpdates {
			t.Errorf("%s: %s, want rows that are lost: %+v", r.Faults, r.Outcome, r)
		}
	}
}

// What is expected without a fault, under a pause, in one process, and of one after the
// other.
func TestExpectations(t *testing.T) {
	t.Parallel()
	many := lab.Setup{Stock: 30, Buyers: 400, Procs: 4, Clients: 8}
	pause, oneProcess, alone := many, many, many
	pause.Fault, oneProcess.Procs = lab.Pause, 1
	alone.Procs, alone.Clients = 1, 1
	const safe, lost = lab.Holds, lab.LosesUpdates
	want := map[string][]lab.Outcome{
		"no-lock":       {lost, lost, lost, safe},
		"process-mutex": {lost, lost, safe, safe},
		"serializable":  {safe, safe, safe, safe},
		"pawl-lockall":  {safe, lost, safe, safe},
	}
	if diff := cmp.Diff(want, labtest.Expected(pipeline.Scenario(), many, pause, oneProcess, alone)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
