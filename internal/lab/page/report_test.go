package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/page"
)

// write returns the page for a report.
func write(t *testing.T, report *lab.Report, strategies ...lab.Strategy) string {
	t.Helper()
	var text strings.Builder
	p := page.Page{
		Scenario: &lab.Scenario{Name: report.Scenario, Line: "what it is about", Strategies: strategies},
		Report:   report, Version: "v1.2.3", Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if err := p.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// small is a report of two strategies: one as expected, and one of each surprise.
func small() *lab.Report {
	return &lab.Report{
		Scenario: "sale", Machine: "2 cores", Version: "PostgreSQL 17", DB: "postgres://u:xxxxx@h/d",
		Backends: []string{"redis://h:1 (Redis 7.0.15)", "etcd://h:2"}, Stock: 1000, Products: 3, Buyers: 20000, Procs: 4, Clients: 8, Seed: 77, TTL: 800,
		Moral: "The moral.", Left: []string{"version (not on mysql)"},
		Runs: []lab.Result{
			result("naive", "", lab.None, lab.Oversells, lab.Oversells),
			result("naive", "", lab.Pause, lab.Oversells, lab.Holds),
			result("lock", "redis", lab.None, lab.Holds, lab.Holds),
			withTimeline(result("lock", "redis", lab.Pause, lab.Holds, lab.Oversells)),
			result("lock", "etcd", lab.None, lab.Holds, lab.Holds),
		},
	}
}

// result is a run that theory and rows see so.
func result(strategy, locks string, fault lab.Fault, expected, seen lab.Outcome) lab.Result {
	verdict := func(o lab.Outcome) lab.Verdict {
		if o == lab.Holds {
			return lab.Safe
		}
		return lab.Broken
	}
	return lab.Result{
		Strategy: strategy, Locks: locks, Faults: fault, Struck: fault != lab.None, Why: "Why " + strategy + " is so.",
		Sold: 1234, Left: -2, OrdersPerSecond: 100, P50: 1.5, P99: 20,
		ExpectedOutcome: expected, Outcome: seen, Expected: verdict(expected), Verdict: verdict(seen),
	}
}

// withTimeline is a pause after which a stale write is refused.
func withTimeline(r lab.Result) lab.Result {
	r.Timeline = &lab.Timeline{
		Spans: []lab.Span{
			{Process: 1, Buyer: 5, Token: 900, From: -20, To: -10},
			{Process: 2, Buyer: 7, Token: 901, From: -9, To: 1007, Struck: true},
			{Process: 1, Buyer: 8, Token: 902, From: 801, To: 804},
			{Process: 3, Buyer: 9, Token: 903, From: 805, To: 815},
		},
		Marks: []lab.Mark{
			{Kind: "struck", Process: 2, At: 0},
			{Kind: "over", Process: 2, At: 1005},
			{Kind: "refused", Process: 2, Token: 901, At: 1006},
		},
	}
	return r
}

// large is more than the lab has: 25 strategies with long names, on 6 lock servers under
// 6 faults.
func large() *lab.Report {
	r := &lab.Report{
		Scenario: "a-scenario-with-quite-a-long-name", Machine: strings.Repeat("core ", 40), Version: "MySQL 8.4",
		DB:       "mysql://somebody:xxxxx@database.with.a.long.name.example.internal:3306/database_with_a_long_name?tls=true",
		Backends: append(slices.Repeat([]string{"redis://user:xxxxx@a.host.with.a.long.name.example.internal:6379/0 (Redis 7.0.15)"}, 6), "mem://"),
		Stock:    1000000, Products: 10000, Buyers: 1000000, Procs: 64, Clients: 256, Seed: 1<<64 - 1, TTL: 800,
		Moral: strings.Repeat("Something was learnt. ", 10), Left: []string{strings.Repeat("x", 300)},
	}
	outcomes := []lab.Outcome{lab.Holds, lab.Oversells, lab.LosesUpdates, lab.Duplicates, lab.Stuck}
	for s := range 25 {
		for l, locks := range []string{"redis", "rediss", "postgres", "mysql", "zookeeper", "etcd"} {
			for f, fault := range lab.Faults() {
				run := result(fmt.Sprintf("strategy-%d-with-a-name-that-is-far-too-long", s), locks, fault, outcomes[(s+f)%5], outcomes[(s+l+f)%5])
				run.OrdersPerSecond, run.P99 = float64(7*(s*s*s*s+l)+1), float64(s*s*s+1)
				run.Note = strings.Repeat("noteworthy ", 10)
				if s < 3 && fault != lab.None {
					run = withTimeline(run)
					manyProcesses(run.Timeline)
				}
				r.Runs = append(r.Runs, run)
			}
		}
	}
	r.Runs[3].Strategy, r.Runs[4].Strategy = strings.Repeat("unbroken", 30), strings.Repeat("M", 200)
	return r
}

func manyProcesses(t *lab.Timeline) {
	for i := range 40 {
		from := 816 + 3*float64(i)
		t.Spans = append(t.Spans, lab.Span{Process: 1 + i%12, Buyer: 999000 + i, Token: 1<<63 + uint64(i), From: from, To: from + float64(i)})
	}
}
