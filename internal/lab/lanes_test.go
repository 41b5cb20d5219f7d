package lab

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// turnOf is a run at a lock server under a fault.
func turnOf(s *Session, locks *LockServer, fault Fault) *run {
	return &run{session: s, locks: locks, setup: Setup{Fault: fault, Locks: locks.scheme()}}
}

// A run whose fault strikes a lock server has it for itself; others share it.
func TestTurns(t *testing.T) {
	t.Parallel()
	redis, etcd, file := &LockServer{URL: "redis://h"}, &LockServer{URL: "etcd://h"}, &LockServer{URL: "sqlite:///f"}
	for _, tt := range []struct {
		name string
		own  bool
		runs []Fault
		at   []*LockServer
		want []int // those that begin at once
	}{
		{"no server", false, []Fault{Kill, Pause, Slow}, []*LockServer{nil, nil, nil}, []int{0, 1, 2}},
		{"shared", false, []Fault{Kill, Pause, Slow}, []*LockServer{redis, redis, redis}, []int{0, 1, 2}},
		{"restart comes first", false, []Fault{Restart, Kill, Cut}, []*LockServer{redis, redis, redis}, []int{0}},
		{"restart has to wait", false, []Fault{Kill, Restart, Slow}, []*LockServer{redis, redis, redis}, []int{0, 2}},
		{"another server", false, []Fault{Restart, Cut, Cut}, []*LockServer{redis, redis, etcd}, []int{0, 2}},
		{"pause at a file", false, []Fault{Pause, Kill}, []*LockServer{file, file}, []int{0}},
		{"pause at a file of its own", true, []Fault{Pause, Kill}, []*LockServer{file, file}, []int{0, 1}},
		{"as many as there are lanes", false, []Fault{Kill, Kill, Kill, Kill}, make([]*LockServer, 4), []int{0, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &Session{ownLocks: tt.own}
			numbers := make(map[*run]int)
			turns := &turns{free: []*lane{{}, {}, {}}}
			for i, fault := range tt.runs {
				r := turnOf(s, tt.at[i], fault)
				numbers[r] = i
				turns.pending = append(turns.pending, r)
			}
			var got []int
			for r := turns.next(); r != nil; r = turns.next() {
				got = append(got, numbers[r])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("begun (-want +got):\n%s", diff)
			}
		})
	}
}

// Runs with a fault go side by side in databases of their own; one without a fault is
// alone, and the report has all in the order in which they are explained.
func TestSessionSideBySide(t *testing.T) {
	t.Parallel()
	s := testSession(t, "order", None, 30*time.Second)
	s.Faults = []Fault{Slow, None, Pause, Kill}
	s.MoreDBs = []string{fileURL(filepath.Join(t.TempDir(), "second.db"))}
	var first Fault
	most, last := 0, Progress{}
	s.Progress = func(now Progress) {
		last = now
		most = max(most, underWay(now))
		for _, r := range now.Runs {
			if r.Turn == 1 {
				first = r.Fault
			}
			if r.Fault == None && r.UnderWay() && underWay(now) > 1 {
				t.Error("a run without a fault is not alone")
			}
		}
	}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []Fault
	for _, r := range report.Runs {
		if r.Sold != 12 || r.Outcome != Holds || r.Struck != (r.Faults != None) {
			t.Errorf("%+v", r)
		}
		got = append(got, r.Faults)
	}
	if diff := cmp.Diff(s.Faults, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if most != 2 || first != None {
		t.Errorf("at most %d at once, want 2; first %s, want none", most, first)
	}
	if diff := cmp.Diff(report.Runs, resultsOf(last)); diff != "" {
		t.Errorf("told in the end (-report +told):\n%s", diff)
	}
}

func underWay(now Progress) int {
	n := 0
	for _, r := range now.Runs {
		if r.UnderWay() {
			n++
		}
	}
	return n
}

// resultsOf returns what was told of the runs that have ended with all their answers.
func resultsOf(now Progress) []Result {
	var results []Result
	for _, r := range now.Runs {
		if r.Result != nil && r.Answers == now.Buyers {
			results = append(results, *r.Result)
		}
	}
	return results
}

// A run does the same whatever is run beside it.
func TestSeed(t *testing.T) {
	t.Parallel()
	passes := func(seed uint64, faults ...Fault) []int {
		s := testSession(t, "order", None, time.Minute)
		s.Seed, s.Faults, s.Stock, s.Buyers = seed, faults, 1000, 1000
		s.Procs = 1
		s.dir = t.TempDir()
		s.defaults()
		must(s.open(t.Context()))
		defer s.closeLanes()
		var numbers []int
		for _, r := range s.plan {
			numbers = append(numbers, r.job.Passes, r.shares()[0][0])
		}
		return numbers
	}
	all := passes(1, Kill, Slow)
	if diff := cmp.Diff(all[2:], passes(1, Slow)); diff != "" {
		t.Errorf("slow beside kill and alone:\n%s", diff)
	}
	if cmp.Equal(all, passes(2, Kill, Slow)) {
		t.Errorf("two seeds do the same: %v", all)
	}
}
