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
	"github.com/pawl-go/pawl/internal/testserver"
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
	goleak.VerifyTestMain(testserver.Stopping(m))
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
		Worker: []string{self}, Patience: time.Minute, Seed: 1, Lanes: 1,
	}
}

// Every strategy under every fault: what should be safe is, the sums are right, and
// nobody is left without an answer who should have one.
func TestStrategies(t *testing.T) {
	t.Parallel()
	for _, strategy := range flashsale.Scenario().Strategies {
		if strategy.On != nil {
			continue // not for SQLite
		}
		t.Run(strategy.Name, func(t *testing.T) {
			t.Parallel()
			s := session(t, strategy.Name)
			if strategy.Needs == lab.RawRedis {
				s.Locks = []lab.LockServer{{URL: redisURL(t)}}
			}
			if breaksBy(strategy, lab.Kill, lab.Stuck) {
				s.Patience = 10 * time.Second
			}
			report := run(t, s)
			if len(report.Runs) != len(anywhere) {
				t.Errorf("%d runs, want one for each of %v", len(report.Runs), anywhere)
			}
		})
	}
}

// redisURL returns the URL of a Redis that the tests share.
func redisURL(t *testing.T) string {
	t.Helper()
	server := testserver.Shared(t, "redis", func(tb testserver.TB) *testserver.Process { return testserver.Redis(tb) })
	return "redis://" + server.Addr
}

// breaksBy reports whether theory expects outcome of the strategy under fault, where many
// want what is not enough.
func breaksBy(strategy lab.Strategy, fault lab.Fault, outcome lab.Outcome) bool {
	return strategy.Expect(lab.Setup{Stock: 20, Products: 1, Buyers: 120, Procs: 3, Clients: 4, Fault: fault}) == outcome
}

// run runs s and checks every run.
func run(t *testing.T, s *lab.Session) *lab.Report {
	t.Helper()
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Runs {
		check(t, r, report.Products)
	}
	return report
}

func check(t *testing.T, r lab.Result, products int) {
	t.Helper()
	stock := r.Stock * products
	name := r.Strategy + " " + r.Locks + " " + string(r.Faults)
	if r.Contradicts() {
		t.Errorf("%s: broken, want safe: %+v", name, r)
	}
	if r.NotShown() {
		t.Logf("%s: %s", name, r.Note)
	}
	if r.Struck != (r.Faults != lab.None) {
		t.Errorf("%s: struck %t", name, r.Struck)
	}
	if r.Failed > 0 || r.Sold > r.Buyers || r.Sold-r.Oversold > stock || r.Why == "" {
		t.Errorf("%s: the figures are odd: %+v", name, r)
	}
	if r.Verdict == lab.Safe && r.Sold+r.Left != stock {
		t.Errorf("%s: safe, but %d sold + %d left of %d", name, r.Sold, r.Left, stock)
	}
	if r.ExpectedOutcome == lab.Stuck {
		return // perhaps before anything was sold
	}
	if r.Stuck > 0 || r.Sold == 0 || r.Unbacked > 0 && r.Expected == lab.Safe {
		t.Errorf("%s: the figures are odd: %+v", name, r)
	}
	if r.OrdersPerSecond <= 0 || r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("%s: figures are missing: %+v", name, r)
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

// A DEL between whose GET and itself the key has run out hits the next holder's key: with
// that holder held up until a third has bought, it shows each time.
func TestForeignDeleteShows(t *testing.T) {
	t.Parallel()
	s := session(t, "redis-owner-get-del")
	s.Locks = []lab.LockServer{{URL: redisURL(t)}}
	s.Faults = []lab.Fault{lab.Slow}
	for s.Seed = range 3 {
		if r := run(t, s).Runs[0]; r.Outcome != lab.Oversells || r.Oversold != 1 || r.Lost != 1 {
			t.Errorf("seed %d: %+v, want one piece sold twice", s.Seed, r)
		}
	}
}

// The waiters of the paused process itself take the lock when it goes on, and can have
// read the stock before the stale write arrives: that they have shown the row their
// token first is what refuses it.
func TestFenceWithinOneProcess(t *testing.T) {
	t.Parallel()
	s := session(t, "pawl-fenced")
	s.Procs, s.Clients, s.Faults = 1, 8, []lab.Fault{lab.Pause, lab.Pause, lab.Pause}
	run(t, s)
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
	many := lab.Setup{Stock: 100, Products: 1, Buyers: 1000, Procs: 4, Clients: 8, Locks: "redis"}
	oneProcess, enough := many, many
	oneProcess.Procs = 1
	enough.Buyers = 100
	const safe, over, lost, stuck = lab.Holds, lab.Oversells, lab.LosesUpdates, lab.Stuck
	type row struct{ None, Kill, Pause, Slow, Restart, Cut, OneProcess, OneProcessPause, Enough lab.Outcome }
	all := func(o lab.Outcome) row { return row{o, o, o, o, o, o, o, o, o} }
	racy := row{over, over, over, over, over, over, over, over, lost}
	mutex := row{over, over, over, over, over, over, safe, safe, lost}
	expires := row{safe, safe, over, over, over, over, safe, over, safe}
	want := map[string]row{
		"read-then-write":       racy,
		"decrement":             {over, over, over, over, over, over, over, over, safe},
		"process-mutex":         mutex,
		"process-mutex-per-key": mutex,
		"for-update":            all(safe),
		"for-share-then-update": all(safe),
		"version":               all(safe),
		"version-no-retry":      all(safe),
		"timestamp":             racy,
		"conditional":           all(safe),
		"serializable":          all(safe),
		"lock-table":            {safe, stuck, safe, safe, safe, safe, safe, safe, safe},
		"redis-get-set":         {over, stuck, over, over, over, over, over, over, lost},
		"redis-setnx":           {safe, stuck, safe, safe, over, safe, safe, safe, safe},
		"redis-setnx-expire":    {safe, stuck, over, over, over, over, safe, over, safe},
		"redis-set-nx-ex":       expires,
		"redis-owner-get-del":   expires,
		"redis-owner-lua":       expires,
		"unlock-before-commit":  racy,
		"pawl":                  {safe, safe, over, safe, over, over, safe, over, safe},
		"pawl-fenced":           all(safe),
		"pawl-tx":               all(safe),
		"segments":              all(safe),
		"reserve":               {safe, safe, safe, safe, lost, safe, safe, safe, safe},
	}
	got := make(map[string]row)
	under := func(s lab.Setup, fault lab.Fault) lab.Setup { s.Fault = fault; return s }
	for _, s := range flashsale.Scenario().Strategies {
		got[s.Name] = row{
			s.Expect(under(many, lab.None)), s.Expect(under(many, lab.Kill)), s.Expect(under(many, lab.Pause)),
			s.Expect(under(many, lab.Slow)), s.Expect(under(many, lab.Restart)), s.Expect(under(many, lab.Cut)),
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
		Scenario, DB string
		Backends     []string
		Runs         []map[string]any
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Scenario != "flashsale" || got.DB == "" || len(got.Backends) != 1 || len(got.Runs) != 1 {
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
