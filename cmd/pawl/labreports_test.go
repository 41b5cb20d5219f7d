package main

import (
	"strings"
	"testing"

	"github.com/pawl-go/pawl/internal/lab"
)

// A line for each time tells what it was besides safe, and a whole report follows where
// something broke.
func TestBriefReports(t *testing.T) {
	t.Parallel()
	safe := lab.Result{Strategy: "pawl", Faults: lab.None, Expected: lab.Safe, Verdict: lab.Safe, Outcome: lab.Holds}
	failed, hidden, broken := safe, safe, safe
	failed.Failed, hidden.Expected = 3, lab.Broken
	broken.Verdict, broken.Outcome, broken.Oversold = lab.Broken, lab.Oversells, 1
	var out strings.Builder
	reports := &labReports{out: &out, form: outputTable, brief: true}
	for seed, run := range []lab.Result{safe, failed, hidden} {
		if err := reports.add(&lab.Report{Seed: uint64(seed), Words: lab.Words{}.Filled(), Runs: []lab.Result{safe, run}}); err != nil {
			t.Fatal(err)
		}
	}
	const start = "2 runs, nothing broke that is safe in theory"
	want := "seed 0: " + start + "\nseed 1: " + start + "; 3 buyers got an error\nseed 2: " + start + "; expected breaks that did not show: 1\n"
	if got := out.String(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if err := reports.conclude(); err != nil {
		t.Error(err)
	}
	out.Reset()
	if err := reports.add(&lab.Report{Runs: []lab.Result{broken}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "oversells (!)") {
		t.Errorf("printed %q", out.String())
	}
	if err := reports.conclude(); err == nil || !strings.Contains(err.Error(), "1 of 7 runs broke what should be safe, the first one pawl") {
		t.Errorf("error %v", err)
	}
}
