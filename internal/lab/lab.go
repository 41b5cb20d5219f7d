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
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/fence"
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
	// Slow makes one worker take longer than the TTL between its decision and its
	// write, while its process goes on.
	Slow Fault = "slow"
	// Restart kills the lock server and starts it again after a worker has decided and
	// before it writes.
	Restart Fault = "restart"
	// Cut parts everybody from the lock server for longer than the TTL after a worker
	// has decided and before it writes.
	Cut Fault = "cut"
)

// Faults returns all faults, the mildest first.
func Faults() []Fault { return []Fault{None, Kill, Pause, Slow, Restart, Cut} }

// onServer reports whether f strikes the lock server, which the lab has to have started
// for that.
func (f Fault) onServer() bool { return f == Restart || f == Cut }

// Outcome is what came of a run.
type Outcome string

// The outcomes.
const (
	// Holds: the rows add up and everybody got an answer.
	Holds Outcome = "safe"
	// Oversells: more was given away than there was.
	Oversells Outcome = "oversells"
	// LosesUpdates: the rows do not add up, or somebody was told yes in vain.
	LosesUpdates Outcome = "loses updates"
	// Duplicates: something is there more than once.
	Duplicates Outcome = "duplicates"
	// Stuck: somebody got no answer in time, or an error; or all gave up.
	Stuck Outcome = "stuck"
)

// If returns o when cond holds, else Holds.
func (o Outcome) If(cond bool) Outcome {
	if cond {
		return o
	}
	return Holds
}

// Verdict is an outcome in one word.
type Verdict string

// The verdicts.
const (
	// Safe: the rows add up and everybody got an answer.
	Safe Verdict = "safe"
	// Broken: they do not.
	Broken Verdict = "broken"
)

// verdict returns Safe for Holds, and Broken for all others.
func (o Outcome) verdict() Verdict {
	if o == Holds {
		return Safe
	}
	return Broken
}

// Setup is the size of a run, its fault, and what it stands on.
type Setup struct {
	Stock    int // pieces at the start, of each product
	Products int // how many products there are
	Limit    int // pieces that one buyer may have; 0 is any number
	Buyers   int // each wants one
	Procs    int // worker processes
	Clients  int // goroutines in each, one buyer at a time
	Fault    Fault
	// Locks is the scheme of the lock server's URL, or "" for a strategy without one.
	Locks string
	// DB is the database.
	DB fence.Dialect
}

// forgets reports whether the lock server loses its locks in a restart: the lab starts Redis
// without persistence.
func (s Setup) forgets() bool { return strings.HasPrefix(s.Locks, "redis") }

// AtOnce is how many buyers are served at the same time.
func (s Setup) AtOnce() int { return min(s.Procs*s.Clients, s.Buyers) }

// Scenario is one race.
type Scenario struct {
	Name string
	Line string // what it is about, for lists
	// Words are what its figures are called.
	Words Words
	// Stock, Buyers and Products are the defaults of the flags; 0 is that of a sale.
	Stock, Buyers, Products int
	// Strategies are in the order in which they are run and explained.
	Strategies []Strategy
	// Prepare makes the tables anew.
	Prepare func(ctx context.Context, db *DB, setup Setup) error
	// Count reads from the rows what has come of it.
	Count func(ctx context.Context, db *DB, setup Setup) (Counts, error)
	// Served is a SELECT of the buyers who have what they wanted, called buyer, each as often
	// as the rows show it.
	Served string
	// Key returns what a buyer wants, of several things of a kind: those of different keys are
	// not in each other's way. nil means that there is one thing.
	Key func(setup Setup, buyer int) int
	// Moral says in a line what a report shows, or "" where it does not show it.
	Moral func(r *Report) string
}

// Strategy is one way to deal with the race.
type Strategy struct {
	Name string
	Line string // what it does, for lists
	Why  string // why it holds or breaks: one or two sentences
	// Needs is what it works on besides the database.
	Needs Needs
	// OneLock: those who want different things are in each other's way, too.
	OneLock bool
	// Shared: it takes shared locks, which not every lock server has.
	Shared bool
	// On are the databases that it is for; nil is all.
	On []fence.Dialect
	// Prepare, if not nil, makes what the strategy needs beside the scenario's tables,
	// after these.
	Prepare func(ctx context.Context, db *DB, setup Setup) error
	// Expect is what theory says of a run.
	Expect func(Setup) Outcome
	// At are the faults that strike elsewhere than with other strategies.
	At map[Fault]Point
	// Then are the faults after which the next one who comes to the point is held up too,
	// until whom the fault has struck has gone on and a third one has bought: for a break
	// that takes three to show.
	Then map[Fault]Point
	// Early: the fault strikes the first time that its failpoint is reached, for a
	// strategy that comes there seldom.
	Early bool
	// Blocks, if not nil, reports whether whom the fault has struck keeps everybody else out
	// until it goes on, so that the run does not wait long to see the others sell meanwhile.
	Blocks func(Setup) bool
	// New returns what serves a buyer. It is called once in every worker process and
	// what it returns by many goroutines.
	New func(env *Env) Serve
}

// Needs is what a strategy works on besides the database.
type Needs int

// The needs.
const (
	// NoLocks: the database or the process is enough.
	NoLocks Needs = iota
	// PawlLocks: Env.Locks, so a run with each backend of the session.
	PawlLocks
	// RawRedis: Env.Redis, so a run with each plain Redis of the session.
	RawRedis
)

// Words are what a scenario calls its figures. Empty ones are those of a sale.
type Words struct {
	Done  string // a thing that was done: "order"
	Who   string // those who want it: "buyer"
	Stock string // help for --stock: "pieces to sell"
	Wants string // help for --buyers: "buyers, each of whom wants one"
	// Products and Limit are the help for these flags; empty means that there is no such
	// flag.
	Products, Limit string
}

// Filled returns w with the words of a sale where it has none.
func (w Words) Filled() Words {
	w.Done, w.Who = cmp.Or(w.Done, "order"), cmp.Or(w.Who, "buyer")
	w.Stock, w.Wants = cmp.Or(w.Stock, "pieces to sell, of each product"), cmp.Or(w.Wants, "buyers, each of whom wants one")
	return w
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
	// Discarded: somebody else does it already.
	Discarded Answer = "discarded"
	// OverLimit: the buyer has as many as one may have.
	OverLimit Answer = "over the limit"
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
	// Doubled is how much is there more often than it should be.
	Doubled int
	// Drift is by how much stock, left and orders do not add up: lost updates. The
	// scenario sums the products up without their sign, so that they do not cancel out.
	Drift int
	// Oversold is what was given away beyond what there was.
	Oversold int
}

// Add adds the counts of one product to those of the others.
func (c *Counts) Add(other Counts) {
	c.Sold += other.Sold
	c.Left += other.Left
	c.Doubled += other.Doubled
	c.Drift += other.Drift
	c.Oversold += other.Oversold
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

// FaultNames returns the faults for people: "none, kill, ... or all".
func FaultNames() string {
	var names []string
	for _, f := range Faults() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ") + " or all"
}

// PickFaults returns the faults that text names, parted by commas, or all.
func PickFaults(text string) ([]Fault, error) {
	if text == "all" {
		return Faults(), nil
	}
	var picked []Fault
	for name := range strings.SplitSeq(text, ",") {
		f := Fault(strings.TrimSpace(name))
		if !slices.Contains(Faults(), f) {
			return nil, fmt.Errorf("unknown fault %q, want %s", f, FaultNames())
		}
		picked = append(picked, f)
	}
	return picked, nil
}
