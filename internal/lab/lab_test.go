package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/fence"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	yes := func(n int) tally { return tally{bought: make([]time.Duration, n)} }
	stuckOne := yes(10)
	stuckOne.stuck = 1
	unbackedOne := yes(10)
	unbackedOne.unbacked = 1
	failedOne, gaveUp := yes(9), yes(9)
	failedOne.failed, gaveUp.gaveUp = 1, 1
	silent := yes(10)
	silent.unanswered = 2
	tests := []struct {
		name   string
		counts Counts
		tally  tally
		want   Result
	}{
		{"all sold", Counts{Sold: 10}, yes(10), Result{Outcome: Holds}},
		{"some left", Counts{Sold: 4, Left: 6}, yes(4), Result{Outcome: Holds}},
		{"nothing happened", Counts{Left: 10}, yes(0), Result{Outcome: Holds}},
		{"answer lost with a killed process", Counts{Sold: 10}, yes(9), Result{Outcome: Holds}},
		{"sold below zero", Counts{Sold: 12, Left: -2, Oversold: 2}, yes(12), Result{Oversold: 2, Outcome: Oversells}},
		{"one update lost", Counts{Sold: 5, Left: 6, Drift: 1}, yes(5), Result{Lost: 1, Outcome: LosesUpdates}},
		{"updates lost and oversold", Counts{Sold: 30, Drift: 20, Oversold: 20}, yes(30), Result{Oversold: 20, Lost: 20, Outcome: Oversells}},
		{"one twice", Counts{Sold: 10, Doubled: 1}, yes(10), Result{Doubled: 1, Outcome: Duplicates}},
		{"told yes without an order", Counts{Sold: 10}, unbackedOne, Result{Unbacked: 1, Outcome: LosesUpdates}},
		{"stuck", Counts{Sold: 10}, stuckOne, Result{Stuck: 1, Outcome: Stuck}},
		{"one got an error", Counts{Sold: 9, Left: 1}, failedOne, Result{Outcome: Stuck}},
		{"one gave up", Counts{Sold: 9, Left: 1}, gaveUp, Result{Outcome: Holds}},
		{"all gave up", Counts{Left: 10}, tally{gaveUp: 40}, Result{Outcome: Stuck}},
		{"without an answer", Counts{Sold: 10}, silent, Result{Stuck: 2, Outcome: Stuck}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			setup := Setup{Stock: 10, Buyers: 40, Procs: 2, Clients: 2, Fault: None}
			strategy := Strategy{Expect: func(Setup) Outcome { return tt.want.Outcome }}
			got := newResult(strategy, setup, tt.counts, &tt.tally)
			short := Result{Oversold: got.Oversold, Lost: got.Lost, Doubled: got.Doubled, Unbacked: got.Unbacked, Stuck: got.Stuck, Outcome: got.Outcome}
			if diff := cmp.Diff(tt.want, short); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (got.Verdict == Safe) != (got.Outcome == Holds) || got.Expected != got.Verdict {
				t.Errorf("%s is %s", got.Outcome, got.Verdict)
			}
			if got.Contradicts() || got.NotShown() {
				t.Errorf("as expected, but noted: %q", got.note(Words{}.Filled()))
			}
		})
	}
}

func TestExpectation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expected, verdict     Verdict
		contradicts, notShown bool
	}{
		{Safe, Safe, false, false},
		{Safe, Broken, true, false},
		{Broken, Safe, false, true},
		{Broken, Broken, false, false},
	} {
		r := Result{Expected: tt.expected, Verdict: tt.verdict}
		if r.Contradicts() != tt.contradicts || r.NotShown() != tt.notShown {
			t.Errorf("%s, expected %s: contradicts %t, not shown %t", tt.verdict, tt.expected, r.Contradicts(), r.NotShown())
		}
	}
}

// A server that keeps its locks and is soon back may hold in a restart; one that forgets
// them is expected not to, and so is a recipe of one's own on any.
func TestMayHold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		needs Needs
		locks string
		fault Fault
		want  bool
	}{
		{PawlLocks, "postgres", Restart, true}, {PawlLocks, "redis", Restart, false}, {PawlLocks, "rediss", Restart, false},
		{PawlLocks, "etcd", Cut, false}, {RawRedis, "redis", Restart, false}, {NoLocks, "", Kill, false},
	} {
		strategy := Strategy{Needs: tt.needs, Expect: func(Setup) Outcome { return Oversells }}
		r := newResult(strategy, Setup{Stock: 1, Locks: tt.locks, Fault: tt.fault}, Counts{Sold: 1}, &tally{struck: true})
		if r.NotShown() == tt.want {
			t.Errorf("%v on %q under %s: may hold %t, want %t", tt.needs, tt.locks, tt.fault, !r.NotShown(), tt.want)
		}
	}
}

// What is needed to run it again is in the first line.
func TestFlags(t *testing.T) {
	t.Parallel()
	r := Report{Stock: 1, Buyers: 2, Products: 1, Procs: 3, Clients: 4, Seed: 5}
	if got, want := r.flags(), "--stock 1 --buyers 2 --procs 3 --clients 4 --seed 5"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Products, r.Limit = 6, 7
	if got, want := r.flags(), "--stock 1 --buyers 2 --products 6 --limit 7 --procs 3 --clients 4 --seed 5"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A fault that found nobody is told: the run says nothing of the fault then.
func TestNoteOfAFaultThatDidNotStrike(t *testing.T) {
	t.Parallel()
	r := newResult(Strategy{Expect: func(Setup) Outcome { return Holds }}, Setup{Stock: 1, Fault: Pause}, Counts{Left: 1}, &tally{})
	if want := "nobody reached the failpoint, so there was no pause"; r.note(Words{}) != want {
		t.Errorf("note %q, want %q", r.note(Words{}), want)
	}
}

// Orders that are written behind their answers count until the last one is written.
func TestRates(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	for _, tt := range []struct {
		name          string
		yes, wrote    time.Time
		per, accepted float64
	}{
		{"with the answer", begin.Add(2 * time.Second), time.Time{}, 50, 0},
		{"behind it", begin.Add(time.Second), begin.Add(4 * time.Second), 25, 100},
		{"all but the last answer", begin.Add(2 * time.Second), begin.Add(time.Second), 50, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Result{Sold: 100}
			r.rates(&tally{begin: begin, bought: make([]time.Duration, 100), lastYes: tt.yes, lastWrote: tt.wrote})
			if r.OrdersPerSecond != tt.per || r.AcceptedPerSecond != tt.accepted {
				t.Errorf("%g written and %g accepted per second, want %g and %g", r.OrdersPerSecond, r.AcceptedPerSecond, tt.per, tt.accepted)
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Millisecond)
	}
	got := []float64{percentile(nil, 0.5), percentile(times[:1], 0.99), percentile(times, 0.5), percentile(times, 0.99)}
	if diff := cmp.Diff([]float64{0, 100, 50, 99}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	s := &Scenario{Strategies: []Strategy{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	for text, want := range map[string][]string{
		"all": {"a", "b", "c"}, "b": {"b"}, "c, a": {"c", "a"}, "": nil, "d": nil, "a,": nil, "all,a": nil,
	} {
		picked, err := s.Pick(text)
		if (err != nil) != (want == nil) {
			t.Errorf("%q: error %v", text, err)
		}
		var got []string
		for _, strategy := range picked {
			got = append(got, strategy.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]int{"all": 6, "none": 1, "kill": 1, "pause": 1, "": 0, "kill, pause": 2, "kill,": 0, "fire": 0} {
		if got, err := PickFaults(text); len(got) != want || (err != nil) != (want == 0) {
			t.Errorf("faults %q: %v, %v", text, got, err)
		}
	}
}

func TestCheckDB(t *testing.T) {
	t.Parallel()
	for rawURL, ok := range map[string]bool{
		"sqlite:///a/b.db": true, "sqlite://./b.db": true, "sqlite://../b.db": true, "sqlite:///a%20b.db": true,
		"": false, "b.db": false, "/a/b.db": false, "sqlite:b.db": false, "sqlite://": false, "sqlite://host/b.db": false,
		"sqlite:///b.db?mode=ro": false, "sqlite:///%zz": false, "sqlite://u:p@/b.db": false,
		"mysql://u:p@h/d": true, "mysql://u:p@h:3306": false, "mysql:///d": false, "mysql://u:p@h/d?x=y": false,
		"postgres://u:p@h/d?sslmode=disable": true, "postgres:///d": false, "oracle://u:p@h/d": false, "mysql://u:p@h:port/d": false,
	} {
		err := CheckDB(rawURL)
		if (err == nil) != ok {
			t.Errorf("%q: %v", rawURL, err)
		}
		if err != nil && (strings.Contains(err.Error(), "u:p") || !strings.Contains(err.Error(), "sqlite:///absolute/path")) {
			t.Errorf("%q: error %q tells a password, or not the right form", rawURL, err)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	const query = "UPDATE t SET a = ? WHERE b = ?"
	for dialect, want := range map[fence.Dialect]string{
		fence.SQLite: query, fence.MySQL: query, fence.PostgreSQL: "UPDATE t SET a = $1 WHERE b = $2",
	} {
		db := DB{Dialect: dialect}
		if got := db.SQL(query); got != want {
			t.Errorf("%v: %q, want %q", dialect, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	why := strings.Repeat("It holds because it does. ", 9)
	r := &Report{Scenario: "flashsale", DB: "sqlite:///shop.db", Backends: []string{"sqlite:///locks.db"}, Moral: "Fence."}
	for _, name := range []string{"a", "optimistic-try"} {
		for _, fault := range Faults() {
			r.Runs = append(r.Runs, Result{
				Strategy: name, Faults: fault, Why: why, Sold: 99_999, Oversold: 99_899, Lost: 99_999, Stuck: 1000,
				OrdersPerSecond: 12345.6, P50: 1234.5, P99: 12345.6, Locks: "zookeeper",
				Expected: Broken, Outcome: LosesUpdates.If(name == "a" && fault == Pause), Verdict: LosesUpdates.If(name == "a" && fault == Pause).verdict(), Note: "n",
			})
		}
	}
	var b strings.Builder
	must(r.WriteTable(&b))
	for line := range strings.Lines(b.String()) {
		if len(line) > 101 {
			t.Errorf("line of %d columns: %s", len(line)-1, line)
		}
	}
	for want, n := range map[string]int{
		"optimistic-try  zookeeper  none": 1, "It holds because": 2 * 9, "[zookeeper pause] n.\n": 2, "Fence.\n": 1,
		"Broke: a (faults: pause).\n": 1, "Held: a (faults: none, kill, slow, restart, cut), optimistic-try.\n": 1,
	} {
		if got := strings.Count(strings.ReplaceAll(b.String(), "\n  ", " "), want) + strings.Count(b.String(), want); got < n {
			t.Errorf("%q is there %d times, want %d, in\n%s", want, got, n, b.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTableTellsWriteErrors(t *testing.T) {
	t.Parallel()
	r := &Report{Runs: []Result{{}}}
	if err := r.WriteTable(fullDisk{}); err == nil {
		t.Error("no error")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	right := func() *Session { return &Session{Stock: 1, Buyers: 1, Procs: 1, Clients: 1} }
	if err := right().Check(); err != nil {
		t.Error(err)
	}
	for i, change := range []func(*Session){
		func(s *Session) { s.Stock = 0 }, func(s *Session) { s.Buyers = -1 }, func(s *Session) { s.Procs = 65 },
		func(s *Session) { s.Clients = 1000 }, func(s *Session) { s.DB = "x" },
	} {
		s := right()
		change(s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: error %v, want one that tells the right form", fmt.Sprint(i), err)
		}
	}
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cpuinfo")
	if got := processor(file); got != "" {
		t.Errorf("%q without a file", got)
	}
	must(os.WriteFile(file, []byte("processor\t: 0\nmodel\t\t: 1\nmodel name\t: A: CPU\nprocessor\t: 1\nmodel name\t: B\n"), 0o600))
	if got := processor(file); got != "A: CPU" {
		t.Errorf("%q, want the first model name", got)
	}
}
