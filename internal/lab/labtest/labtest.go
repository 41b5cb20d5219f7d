// Package labtest runs the strategies of a scenario in its tests: real processes, real
// databases, and real lock servers with their faults.
package labtest

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/servers"
)

// workerVariable is set for the test binary that is started again as a worker.
const workerVariable = "PAWL_LAB_TEST_WORKER"

// Main is the TestMain of a scenario's package, whose test binary is also its worker. It
// looks for goroutines that are left behind.
func Main(m *testing.M, scenario *lab.Scenario) {
	if os.Getenv(workerVariable) != "" {
		if lab.Work([]*lab.Scenario{scenario}, os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	// For those that the tests start. With the race detector, each of them would take a
	// second to end.
	for name, value := range map[string]string{workerVariable: "1", "GORACE": os.Getenv("GORACE") + " atexit_sleep_ms=0"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// Anywhere are the faults that need no server.
var Anywhere = []lab.Fault{lab.None, lab.Kill, lab.Pause, lab.Slow}

// Session returns a small session of the scenario's strategies that are named, parted by
// commas, or all, on SQLite. The sizes that it leaves at 0 are for the test to fill.
func Session(t *testing.T, scenario *lab.Scenario, strategies string) *lab.Session {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	picked, err := scenario.Pick(strategies)
	if err != nil {
		t.Fatal(err)
	}
	return &lab.Session{
		Scenario: scenario, Strategies: picked, Faults: Anywhere, Procs: 3, Clients: 4,
		Worker: []string{self}, Patience: time.Minute, TTL: 600 * time.Millisecond, Seed: 1, Lanes: 1,
	}
}

// Run runs the session and checks what is true of each scenario: what should be safe is,
// the fault has struck, and nobody is left without an answer.
func Run(t *testing.T, s *lab.Session) *lab.Report {
	t.Helper()
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Runs {
		name := r.Strategy + ", " + string(r.Faults)
		if r.Contradicts() {
			t.Errorf("%s: broken, want safe: %+v", name, r)
		}
		if r.NotShown() {
			t.Logf("%s: %s", name, r.Note)
		}
		if r.Stuck > 0 || r.Failed > 0 || r.Unbacked > 0 || r.Sold == 0 || r.Sold > r.Buyers {
			t.Errorf("%s: the figures are odd: %+v", name, r)
		}
		if r.Struck != (r.Faults != lab.None) {
			t.Errorf("%s: struck %t", name, r.Struck)
		}
		if r.OrdersPerSecond <= 0 || r.P50 <= 0 || r.P99 < r.P50 {
			t.Errorf("%s: figures are missing: %+v", name, r)
		}
	}
	return report
}

// Everywhere runs each strategy of the scenario on SQLite under each fault that needs no
// server, and all of them on a PostgreSQL and on a MySQL. size sets the sizes of a session.
func Everywhere(t *testing.T, scenario *lab.Scenario, size func(*lab.Session)) {
	t.Parallel()
	everyStrategy(t, scenario, size)
	everyDatabase(t, scenario, size)
}

func everyStrategy(t *testing.T, scenario *lab.Scenario, size func(*lab.Session)) {
	for _, strategy := range scenario.Strategies {
		t.Run(strategy.Name, func(t *testing.T) {
			t.Parallel()
			if strategy.Line == "" || strategy.Why == "" {
				t.Error("no text")
			}
			s := Session(t, scenario, strategy.Name)
			size(s)
			if strategy.Needs == lab.RawRedis {
				s.Locks = Redis(t)
			}
			if report := Run(t, s); len(report.Runs) != len(s.Faults) {
				t.Errorf("%d runs, want one for each of %v", len(report.Runs), s.Faults)
			}
		})
	}
}

func everyDatabase(t *testing.T, scenario *lab.Scenario, size func(*lab.Session)) {
	for _, name := range []string{"postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Session(t, scenario, "all")
			size(s)
			set := start(t, name)
			s.DB = set.DBs[name]
			s.Faults = []lab.Fault{lab.None, lab.Kill, lab.Pause}
			Run(t, s)
		})
	}
}

// Redis starts a Redis that the faults may strike.
func Redis(t *testing.T) []lab.LockServer {
	t.Helper()
	return start(t, "redis").Locks
}

// start starts one server for the test, or skips it where that is not installed.
func start(t *testing.T, name string) *servers.Set {
	t.Helper()
	set, err := servers.Start(t.Context(), func(kind string) bool { return kind == name })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	for _, missing := range set.Missing {
		t.Skip(missing)
	}
	return set
}

// Expected returns what each strategy of the scenario expects of each setup.
func Expected(scenario *lab.Scenario, setups ...lab.Setup) map[string][]lab.Outcome {
	expected := make(map[string][]lab.Outcome)
	for _, strategy := range scenario.Strategies {
		for _, setup := range setups {
			expected[strategy.Name] = append(expected[strategy.Name], strategy.Expect(setup))
		}
	}
	return expected
}
