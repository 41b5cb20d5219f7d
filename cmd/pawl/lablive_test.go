package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/internal/lab"
)

// someRuns are runs in each state: three of one strategy without a lock server, and some
// of one with two servers of a kind.
func someRuns() lab.Progress {
	ended := func(expected, seen lab.Verdict, outcome lab.Outcome) *lab.Result {
		return &lab.Result{Expected: expected, Verdict: seen, Outcome: outcome}
	}
	return lab.Progress{Buyers: 200, Runs: []lab.RunProgress{
		{Strategy: "conditional", Fault: lab.None, Turn: 1, Answers: 200, Result: ended(lab.Safe, lab.Safe, lab.Holds)},
		{Strategy: "conditional", Fault: lab.Kill, Turn: 4, Answers: 198, Result: ended(lab.Safe, lab.Broken, lab.Stuck)},
		{Strategy: "pawl", Locks: "redis", Fault: lab.None, Turn: 2, Answers: 200, Result: ended(lab.Broken, lab.Broken, lab.LosesUpdates)},
		{Strategy: "pawl", Locks: "redis", Fault: lab.Restart, Turn: 5, Answers: 31},
		{Strategy: "pawl", Locks: "redis", Fault: lab.None, Turn: 3, Answers: 200, Result: ended(lab.Broken, lab.Safe, lab.Holds)},
		{Strategy: "pawl", Locks: "redis", Fault: lab.Restart},
	}}
}

func TestLiveTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		width, height int
		want          string
	}{
		{"room for all", 80, 24, `
flashsale: 4 of 6 runs done, 12s
STRATEGY     LOCKS   NONE   KILL RESTART
conditional          safe stuck!
pawl         redis   lost            15%
pawl         redis  safe?              .
`},
		{"few rows", 80, 6, `
flashsale: 4 of 6 runs done, 12s
STRATEGY     LOCKS   NONE   KILL RESTART
conditional          safe stuck!
pawl         redis   lost            15%
and 1 more
`},
		{"hardly any room", 14, 2, `
flashsale: 4 
STRATEGY     
pawl         
and 2 more
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := "\n" + strings.Join(liveTable("flashsale", 12345*time.Millisecond, someRuns(), tt.width, tt.height), "\n") + "\n"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A session with one lock file for all has no column that says so.
func TestLiveTableWithoutServers(t *testing.T) {
	t.Parallel()
	now := lab.Progress{Runs: []lab.RunProgress{{Strategy: "a", Fault: lab.None}, {Strategy: "pawl", Locks: "sqlite", Fault: lab.None}}}
	want := []string{"x: 0 of 2 runs done, 0s", "STRATEGY   NONE", "a             .", "pawl          ."}
	if diff := cmp.Diff(want, liveTable("x", 0, now, 80, 24)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is shown takes the place of what was, and nothing of that is left.
func TestRepaint(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := repaint{w: &out}
	for _, lines := range [][]string{{"one", "two", "three"}, {"four", "five"}, nil} {
		r.show(lines)
	}
	want := "\r\x1b[Kone\n\x1b[Ktwo\n\x1b[Kthree\n\x1b[J" + "\x1b[3A\r\x1b[Kfour\n\x1b[Kfive\n\x1b[J" + "\x1b[2A\r\x1b[J"
	if got := out.String(); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

// Elsewhere than on a terminal each run has a line, once, when it begins.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &labProgress{file: &out}
	now := someRuns()
	for range 2 {
		p.show(now)
	}
	now.Runs[5].Turn = 6
	p.show(now)
	var want strings.Builder
	for i, label := range []string{"conditional", "pawl on redis", "pawl on redis", "conditional, kill", "pawl on redis, restart", "pawl on redis, restart"} {
		fmt.Fprintf(&want, "run %d of 6: %s\n", i+1, label)
	}
	if diff := cmp.Diff(want.String(), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
