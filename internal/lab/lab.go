// Package lab runs the classic races of locking for real: several processes, a real
// database, and processes that are killed or paused in the worst moment. What it
// reports is what the rows show at the end.
//
// A [Scenario] is one race. Its strategies are the ways to deal with it, right ones
// and wrong ones. A [Session] runs them one after another: for each strategy and
// fault it makes the tables anew, starts worker processes, lets the fault strike at
// its failpoint, and counts.
//
// A new strategy is a file with one [Strategy] in its scenario's folder and a line in
// the scenario's list; a new scenario is a folder and a line in the command's list.
package lab

import (
	"context"
	"fmt"
	"strings"
)

// Fault is what is done to one worker of a run while it is inside its critical
// section.
type Fault string

// The faults.
const (
	// None lets everybody work.
	None Fault = "none"
	// Kill ends a worker process with SIGKILL in the middle of its write.
	Kill Fault = "kill"
	// Pause stops a worker process with SIGSTOP after it has decided and before it
	// writes, for longer than the TTL of a lock, and then lets it go on.
	Pause Fault = "pause"
)

// Faults returns all faults, the mildest first.
func Faults() []Fault { return []Fault{None, Kill, Pause} }

// Verdict is the outcome of a run.
type Verdict string

// The verdicts.
const (
	// Safe: the rows add up and everybody got an answer.
	Safe Verdict = "safe"
	// Broken: they do not.
	Broken Verdict = "broken"
)

// BrokenIf returns Broken if cond holds, else Safe.
func BrokenIf(cond bool) Verdict {
	if cond {
		return Broken
	}
	return Safe
}

// Setup is the size of a run and its fault.
type Setup struct {
	Stock   int // pieces at the start
	Buyers  int // each wants one
	Procs   int // worker processes
	Clients int // goroutines in each, one buyer at a time
	Fault   Fault
}

// AtOnce is how many buyers are served at the same time.
func (s Setup) AtOnce() int { return min(s.Procs*s.Clients, s.Buyers) }

// Scenario is one race.
type Scenario struct {
	Name string
	Line string // what it is about, for lists
	// Strategies are in the order in which they are run and explained.
	Strategies []Strategy
	// Prepare makes the tables anew.
	Prepare func(ctx context.Context, db *DB, setup Setup) error
	// Count reads from the rows what has come of it.
	Count func(ctx context.Context, db *DB, setup Setup) (Counts, error)
	// Served reports whether the rows show what a buyer wanted. A buyer whose process
	// was killed asks for that before trying again.
	Served func(ctx context.Context, db *DB, buyer int) (bool, error)
	// Moral says in a line what a report shows, or "" where it does not show it.
	Moral func(r *Report) string
}

// Strategy is one way to deal with the race.
type Strategy struct {
	Name string
	Line string // what it does, for lists
	Why  string // why it holds or breaks: one or two sentences
	// Expect is what theory says of a run.
	Expect func(Setup) Verdict
	// New returns what serves a buyer. It is called once in every worker process and
	// what it returns by many goroutines.
	New func(env *Env) Serve
}

// Serve tries to give a buyer what the buyer wants. An error is an answer too, but the
// end of ctx means that the buyer is stuck.
type Serve func(ctx context.Context, buyer int) (Answer, error)

// Answer is what a buyer is told.
type Answer string

// The answers of strategies.
const (
	Bought  Answer = "bought"
	SoldOut Answer = "sold out"
	GaveUp  Answer = "gave up" // too many retries
)

// The answers that the lab gives where a strategy has none.
const (
	failed Answer = "failed"
	stuck  Answer = "stuck"
)

// Counts is what the rows of a run show.
type Counts struct {
	Sold int // orders
	Left int // what the stock says is left
}

// Pick returns the strategies of a list of names parted by commas, or all of them.
func (s *Scenario) Pick(names string) ([]Strategy, error) {
	if names == "all" {
		return s.Strategies, nil
	}
	var picked []Strategy
	for name := range strings.SplitSeq(names, ",") {
		strategy, ok := s.find(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("unknown strategy %q, want all or some of %s, parted by commas", name, strings.Join(s.names(), ","))
		}
		picked = append(picked, strategy)
	}
	return picked, nil
}

func (s *Scenario) find(name string) (Strategy, bool) {
	for _, strategy := range s.Strategies {
		if strategy.Name == name {
			return strategy, true
		}
	}
	return Strategy{}, false
}

func (s *Scenario) names() []string {
	names := make([]string, len(s.Strategies))
	for i, strategy := range s.Strategies {
		names[i] = strategy.Name
	}
	return names
}

// PickFaults returns the faults that text names: one of them, or all.
func PickFaults(text string) ([]Fault, error) {
	if text == "all" {
		return Faults(), nil
	}
	for _, f := range Faults() {
		if text == string(f) {
			return []Fault{f}, nil
		}
	}
	return nil, fmt.Errorf("unknown faults %q, want none, kill, pause or all", text)
}
