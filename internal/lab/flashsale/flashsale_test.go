package flashsale_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/flashsale"
)

// The tests start the test binary again as a worker.
const workerVariable = "PAWL_FLASHSALE_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if lab.Work([]*lab.Scenario{flashsale.Scenario()}, os.Stdin, os.Stdout) != nil {
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

// anywhere are the faults that need no server.
var anywhere = []lab.Fault{lab.None, lab.Kill, lab.Pause, lab.Slow}

func session(t *testing.T, strategy string) *lab.Session {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	scenario := flashsale.Scenario()
	picked, err := scenario.Pick(strategy)
	if err != nil {
		t.Fatal(err)
	}
	return &lab.Session{
		Scenario: scenario, Strategies: picked, Faults: anywhere,
		Stock: 20, Buyers: 120, Procs: 3, Clients: 4,
		Worker: []string{self}, Patience: time.Minute, Seed: 1,
	}
}

// Every strategy under every fault: what should be safe is, the sums are right, and
// nobody is left without an answer.
func TestStrategies(t *testing.T) {
	t.Parallel()
	for _, strategy := range flashsale.Scenario().Strategies {
		t.Run(strategy.Name, func(t *testing.T) {
			t.Parallel()
			report, err := session(t, strategy.Name).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Runs) != len(anywhere) {
				t.Errorf("%d runs, want one for each of %v", len(report.Runs), anywhere)
			}
			for _, r := range report.Runs {
				check(t, r)
			}
		})
	}
}

func check(t *testing.T, r lab.Result) {
	t.Helper()
	if r.Contradicts() {
		t.Errorf("%s: broken, want safe: %+v", r.Faults, r)
	}
	if r.NotShown() {
		t.Logf("%s: %s", r.Faults, r.Note)
	}
	if r.Stuck > 0 || r.Failed > 0 || r.Unbacked > 0 || r.Sold == 0 || r.Sold > r.Buyers || r.Sold-r.Oversold > r.Stock {
		t.Errorf("%s: the figures are odd: %+v", r.Faults, r)
	}
	if r.Verdict == lab.Safe && r.Sold+r.Left != r.Stock {
		t.Errorf("%s: safe, but %d sold + %d left of %d", r.Faults, r.Sold, r.Left, r.Stock)
	}
	if r.Struck != (r.Faults != lab.None) {
		t.Errorf("%s: struck %t", r.Faults, r.Struck)
	}
	if r.OrdersPerSecond <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Why == "" {
		t.Errorf("%s: figures are missing: %+v", r.Faults, r)
	}
}

// The pause strikes in the one window that a lock leaves open, so it shows each time;
// and the fence refuses just that write.
func TestPauseBreaksTheLockAndNotTheFence(t *testing.T) {
	t.Parallel()
	s := session(t, "pawl,pawl-fenced")
	s.Faults = []lab.Fault{lab.Pause}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lock, fenced := report.Runs[0], report.Runs[1]
	if lock.Verdict != lab.Broken || lock.Refused != 0 {
		t.Errorf("pawl: %+v, want it broken", lock)
	}
	if fenced.Verdict != lab.Safe || fenced.Refused != 1 {
		t.Errorf("pawl-fenced: %+v, want it safe, with one write refused", fenced)
	}
	if report.Moral == "" {
		t.Error("no moral")
	}
}

// The waiters of the paused process itself take the lock when it goes on, and can have
// read the stock before the stale write arrives: that they have shown the row their
// token first is what refuses it.
func TestFenceWithinOneProcess(t *testing.T) {
	t.Parallel()
	s := session(t, "pawl-fenced")
	s.Procs, s.Clients, s.Faults = 1, 8, []lab.Fault{lab.Pause, lab.Pause, lab.Pause}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Runs {
		check(t, r)
	}
}

// One process and one client: there is no race, and nothing is expected to break.
func TestAlone(t *testing.T) {
	t.Parallel()
	s := session(t, "all")
	s.Procs, s.Clients, s.Faults = 1, 1, []lab.Fault{lab.None}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Runs {
		if r.Expected != lab.Safe || r.Verdict != lab.Safe || r.Sold != 20 {
			t.Errorf("%s: expected %s, was %s, sold %d", r.Strategy, r.Expected, r.Verdict, r.Sold)
		}
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	many := lab.Setup{Stock: 100, Products: 1, Buyers: 1000, Procs: 4, Clients: 8, Locks: "sqlite"}
	oneProcess, enough := many, many
	oneProcess.Procs = 1
	enough.Buyers = 100
	const safe, over, lost = lab.Holds, lab.Oversells, lab.LosesUpdates
	type row struct{ None, Kill, Pause, OneProcess, OneProcessPause, Enough lab.Outcome }
	want := map[string]row{
		"read-then-write": {over, over, over, over, over, lost},
		"decrement":       {over, over, over, over, over, safe},
		"process-mutex":   {over, over, over, safe, safe, lost},
		"conditional":     {safe, safe, safe, safe, safe, safe},
		"version":         {safe, safe, safe, safe, safe, safe},
		"pawl":            {safe, safe, over, safe, over, safe},
		"pawl-fenced":     {safe, safe, safe, safe, safe, safe},
	}
	got := make(map[string]row)
	under := func(s lab.Setup, fault lab.Fault) lab.Setup { s.Fault = fault; return s }
	for _, s := range flashsale.Scenario().Strategies {
		got[s.Name] = row{
			s.Expect(under(many, lab.None)), s.Expect(under(many, lab.Kill)), s.Expect(under(many, lab.Pause)),
			s.Expect(under(oneProcess, lab.None)), s.Expect(under(oneProcess, lab.Pause)), s.Expect(under(enough, lab.None)),
		}
		if s.Line == "" || s.Why == "" {
			t.Errorf("%s has no text", s.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	s := session(t, "conditional")
	s.Faults = []lab.Fault{lab.None}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Scenario, DB, Backend string
		Runs                  []map[string]any
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Scenario != "flashsale" || got.DB == "" || got.Backend == "" || len(got.Runs) != 1 {
		t.Fatalf("%s", text)
	}
	for key, want := range map[string]any{
		"strategy": "conditional", "faults": "none", "stock": 20.0, "sold": 20.0, "oversold": 0.0, "lost": 0.0, "stuck": 0.0,
		"expected": "safe", "verdict": "safe",
	} {
		if got.Runs[0][key] != want {
			t.Errorf("%s is %v, want %v", key, got.Runs[0][key], want)
		}
	}
	for _, key := range []string{"orders_per_second", "p50_ms", "p99_ms"} {
		if n, ok := got.Runs[0][key].(float64); !ok || n <= 0 {
			t.Errorf("%s is %v, want a number over 0", key, got.Runs[0][key])
		}
	}
}
