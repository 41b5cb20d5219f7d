package lab

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-go/pawl/fence"
)

// orderOf writes an order for each buyer, and passes both failpoints.
func orderOf(env *Env) Serve {
	return func(ctx context.Context, buyer int) (Answer, error) {
		env.Failpoint(ctx, BeforeWrite)
		return Bought, env.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", buyer)
			env.Failpoint(ctx, InsideWrite)
			return err
		})
	}
}

// testSession runs one strategy of the test scenario with 12 buyers for 20 pieces.
func testSession(t *testing.T, strategy string, fault Fault, patience time.Duration) *Session {
	t.Helper()
	scenario := testScenario()
	picked, err := scenario.Pick(strategy)
	must(err)
	self, err := os.Executable()
	must(err)
	return &Session{
		Scenario: scenario, Strategies: picked, Faults: []Fault{fault},
		Stock: 20, Buyers: 12, Procs: 2, Clients: 3,
		Worker: []string{self}, TTL: 300 * time.Millisecond, Patience: patience,
		DB: fileURL(filepath.Join(t.TempDir(), "a shop?#%41.db")),
	}
}

// Every buyer has an answer or is counted as stuck, and every order is counted.
func TestSession(t *testing.T) {
	t.Parallel()
	const short, long = 200 * time.Millisecond, 30 * time.Second
	tests := []struct {
		strategy string
		fault    Fault
		patience time.Duration
		want     Result
	}{
		{"order", None, long, Result{Sold: 12, Left: 8, Verdict: Safe}},
		{"order", Kill, long, Result{Sold: 12, Left: 8, Verdict: Safe, Struck: true}},
		{"order", Pause, long, Result{Sold: 12, Left: 8, Verdict: Safe, Struck: true}},
		{"order", Slow, long, Result{Sold: 12, Left: 8, Verdict: Safe, Struck: true}},
		{"hang", None, short, Result{Left: 20, Stuck: 12, Verdict: Broken}},
		{"deaf", None, short, Result{Left: 20, Stuck: 12, Verdict: Broken}},
		{"fail", None, long, Result{Left: 20, Failed: 12, Unsold: 20, FirstError: "no luck", Verdict: Broken}},
		{"discard", None, long, Result{Left: 20, Discarded: 12, Verdict: Safe}},
		{"again", None, long, Result{Left: 20, GaveUp: 12, Unsold: 20, Retries: 24, Verdict: Broken}},
		{"mixed", None, long, Result{Sold: 12, Left: 8, Doubled: 6, Unbacked: 6, Verdict: Broken}},
		{"lie", None, long, Result{Left: 20, Unbacked: 12, Verdict: Broken}},
	}
	for _, tt := range tests {
		t.Run(tt.strategy+" "+string(tt.fault), func(t *testing.T) {
			t.Parallel()
			report, err := testSession(t, tt.strategy, tt.fault, tt.patience).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Strategy, tt.want.Faults, tt.want.Expected, tt.want.Why = tt.strategy, tt.fault, Safe, "because"
			tt.want.Stock, tt.want.Buyers, tt.want.ExpectedOutcome = 20, 12, Holds
			ignored := cmpopts.IgnoreFields(Result{}, "Seconds", "OrdersPerSecond", "P50", "P99", "Note", "Outcome", "Timeline")
			if diff := cmp.Diff([]Result{tt.want}, report.Runs, ignored); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
		})
	}
}

// A worker that dies by itself ends the session with what it said last.
func TestSessionWorkerCrashes(t *testing.T) {
	t.Parallel()
	_, err := testSession(t, "crash", None, time.Minute).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3: it crashed") || strings.Contains(err.Error(), "line 7") {
		t.Errorf("error %v, want the exit status and the first line", err)
	}
}

func TestSessionWorkerIsMissing(t *testing.T) {
	t.Parallel()
	s := testSession(t, "order", None, time.Minute)
	s.Worker = []string{filepath.Join(t.TempDir(), "nothing")}
	if _, err := s.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want one that says that there is no such file", err)
	}
}

// An interrupted session returns the cause, with its workers dead and its temporary
// files gone, in the middle of a pause too.
func TestSessionInterrupted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		strategy string
		fault    Fault
	}{{"hang", None}, {"order", Pause}} {
		t.Run(tt.strategy, func(t *testing.T) {
			t.Parallel()
			s := testSession(t, tt.strategy, tt.fault, time.Minute)
			s.TTL = time.Minute // a pause that nobody waits for
			ctx, cancel := context.WithCancelCause(t.Context())
			interrupted := errors.New("interrupted")
			var under *run
			s.onTick = func(r *run) {
				if under = r; tt.fault == None || r.strike != nil {
					cancel(interrupted)
				}
			}
			if _, err := s.Run(ctx); !errors.Is(err, interrupted) {
				t.Errorf("error %v, want %v", err, interrupted)
			}
			for _, p := range under.procs {
				if !p.exited {
					t.Errorf("worker %d is left", p.cmd.Process.Pid)
				}
			}
			if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the temporary folder: %v, want it gone", err)
			}
		})
	}
}

// What was done before a session is interrupted, or cannot go on, is reported.
func TestSessionUnfinished(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	for second, want := range map[string]string{"hang": "interrupted", "crash": "exit status 3"} {
		t.Run(second, func(t *testing.T) {
			t.Parallel()
			s := testSession(t, "order,"+second, None, time.Minute)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			s.Progress = func(now Progress) {
				if second == "hang" && now.Runs[1].UnderWay() {
					cancel(interrupted)
				}
			}
			report, err := s.Run(ctx)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if report == nil || len(report.Runs) != 1 || report.Runs[0].Strategy != "order" || report.Runs[0].Sold != 12 {
				t.Errorf("report %+v, want that of the first run", report)
			}
		})
	}
}

// What is left out is told once for each thing that would bring it in.
func TestSessionLeavesOut(t *testing.T) {
	t.Parallel()
	s := testSession(t, "order,hang,deaf,fail", None, time.Minute)
	s.Faults = []Fault{None, Restart, Cut}
	s.dir = t.TempDir()
	s.Strategies[1].Needs = RawRedis
	s.Strategies[2].On = []fence.Dialect{fence.MySQL, fence.PostgreSQL}
	s.Strategies[3].On = s.Strategies[2].On
	s.defaults()
	must(s.open(t.Context()))
	defer s.closeLanes()
	want := []string{
		"--db mysql or postgres: deaf, fail", "-b redis://host:port or --servers: hang", "--servers: the faults restart, cut",
	}
	if diff := cmp.Diff(want, s.leftOut()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Only what is safe in theory is run when nothing else is wanted.
func TestSessionSafeOnly(t *testing.T) {
	t.Parallel()
	s := testSession(t, "order", None, time.Minute)
	s.Faults, s.SafeOnly = []Fault{None, Kill, Pause}, true
	s.Strategies[0].Expect = func(setup Setup) Outcome { return LosesUpdates.If(setup.Fault == Kill) }
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 2 || report.Runs[0].Faults != None || report.Runs[1].Faults != Pause {
		t.Errorf("%+v, want none and pause", report.Runs)
	}
}

func TestSessionRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	foreign := filepath.Join(folder, "text")
	must(os.WriteFile(foreign, []byte(strings.Repeat("this is not a database\n", 100)), 0o600))
	for name, change := range map[string]func(*Session){
		"no folder":            func(s *Session) { s.DB = fileURL(filepath.Join(folder, "none", "x.db")) },
		"no database":          func(s *Session) { s.DB = fileURL(foreign) },
		"locks of one process": func(s *Session) { s.Locks = []LockServer{{URL: "mem://"}} },
		"unknown backend":      func(s *Session) { s.Locks = []LockServer{{URL: "paper://"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testSession(t, "order", None, time.Minute)
			change(s)
			if _, err := s.Run(t.Context()); err == nil {
				t.Error("no error")
			}
		})
	}
}
