package signup_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/fence"
	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/labtest"
	"github.com/pawl-go/pawl/internal/lab/signup"
)

func TestMain(m *testing.M) { labtest.Main(m, signup.Scenario()) }

func small(s *lab.Session) { s.Stock, s.Buyers = 8, 80 }

func TestStrategies(t *testing.T) { labtest.Everywhere(t, signup.Scenario(), small) }

// Discarding is an answer of its own, and every account is there all the same.
func TestDiscards(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, signup.Scenario(), "pawl-trylock,redis-set-nx-ex")
	small(s)
	s.Locks, s.Faults = labtest.Redis(t), []lab.Fault{lab.None, lab.Kill}
	for _, r := range labtest.Run(t, s).Runs {
		if r.Discarded == 0 || r.Sold+r.Discarded != s.Buyers || r.Left != 0 {
			t.Errorf("%s, %s: %+v, want some discarded, an answer for all, and all accounts there", r.Strategy, r.Faults, r)
		}
	}
}

// An insert that comes after a pause, a restart or a cut is one too many, unless the index
// refuses it.
func TestFaultsThatOutliveTheLock(t *testing.T) {
	t.Parallel()
	s := labtest.Session(t, signup.Scenario(), "unique-index,pawl-trylock,pawl")
	small(s)
	s.Locks, s.Faults = labtest.Redis(t), []lab.Fault{lab.Pause, lab.Restart, lab.Cut}
	report := labtest.Run(t, s)
	for _, r := range report.Runs {
		if want := map[string]lab.Outcome{"unique-index": lab.Holds}[r.Strategy]; want == "" && r.Outcome != lab.Duplicates {
			t.Errorf("%s: %+v, want duplicates", r.Strategy, r)
		}
	}
	if report.Moral == "" {
		t.Error("no moral")
	}
}

// What is expected without a fault, on PostgreSQL, under a pause, of a slow one, and of one
// after the other.
func TestExpectations(t *testing.T) {
	t.Parallel()
	many := lab.Setup{Stock: 20, Buyers: 300, Procs: 4, Clients: 8, DB: fence.MySQL}
	postgres, pause, slow, alone := many, many, many, many
	postgres.DB, pause.Fault, slow.Fault = fence.PostgreSQL, lab.Pause, lab.Slow
	alone.Procs, alone.Clients = 1, 1
	const safe, twice = lab.Holds, lab.Duplicates
	want := map[string][]lab.Outcome{
		"find-then-insert": {twice, twice, twice, twice, safe},
		"for-update":       {safe, twice, safe, safe, safe},
		"serializable":     {safe, safe, safe, safe, safe},
		"unique-index":     {safe, safe, safe, safe, safe},
		"redis-set-nx-ex":  {safe, safe, twice, twice, safe},
		"pawl-trylock":     {safe, safe, twice, safe, safe},
		"pawl":             {safe, safe, twice, safe, safe},
	}
	if diff := cmp.Diff(want, labtest.Expected(signup.Scenario(), many, postgres, pause, slow, alone)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
