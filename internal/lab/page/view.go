package page

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

// view is what the templates show.
type view struct {
	CSS      template.CSS
	Scenario string
	About    string
	Summary  []string
	Facts    []fact
	Words    lab.Words
	Faults   []faultColumn
	HasLocks bool
	Ladder   []rung
	Charts   []barChart
	Runs     []lab.Result
	Left     []string

	HasTimelines bool
}

// fact is a line of the table at the top.
type fact struct {
	Name   string
	Values []string
}

// faultColumn is the head of a column of the ladder.
type faultColumn struct{ Name, Meaning string }

// rung is one strategy.
type rung struct {
	ID, Name, Line, Why string
	Rows                []row
	Notes               []note
	Timelines           []chart
}

// row is a strategy with one lock server.
type row struct {
	Locks string
	Cells []cell
	runs  []lab.Result
}

// cell is what came of one run. Its zero value is a run that was not asked for.
type cell struct {
	Fault, Seen, Remark string
	Class               string
	Timeline            string // the id of its chart
}

// note is what is unusual about one run.
type note struct{ Run, Text string }

var faultMeanings = map[lab.Fault]string{
	lab.None:    "nothing goes wrong",
	lab.Kill:    "a process is killed in the middle of its write",
	lab.Pause:   "a process is stopped between its decision and its write, for longer than the TTL",
	lab.Slow:    "one worker takes longer than the TTL for its write",
	lab.Restart: "the lock server is killed and started again",
	lab.Cut:     "nobody reaches the lock server, for longer than the TTL",
}

func (p Page) view() *view {
	r := p.Report
	v := &view{
		Scenario: r.Scenario, About: p.Scenario.Line, Words: r.Words.Filled(), Runs: r.Runs, Left: r.Left,
		Facts: p.facts(), Summary: summary(r),
	}
	faults := faultsOf(r.Runs)
	for _, f := range faults {
		v.Faults = append(v.Faults, faultColumn{string(f), faultMeanings[f]})
	}
	v.Ladder = ladder(p.Scenario, v.Words, r.Runs, faults)
	for _, g := range v.Ladder {
		v.HasTimelines = v.HasTimelines || len(g.Timelines) > 0
	}
	v.HasLocks = slices.ContainsFunc(r.Runs, func(run lab.Result) bool { return run.Locks != "" })
	if len(faults) > 0 {
		v.Charts = barCharts(v.Words, v.Ladder, faults[0])
	}
	return v
}

// facts are the numbers of the run, and what it ran on.
func (p Page) facts() []fact {
	r := p.Report
	one := func(name, value string) fact { return fact{name, []string{value}} }
	facts := []fact{
		one("Size", sizeOf(r)),
		one("Workers", fmt.Sprintf("%d processes, %d clients in each", r.Procs, r.Clients)),
		one("Seed", strconv.FormatUint(r.Seed, 10)),
		one("TTL under faults", milliseconds(float64(r.TTL))+" ms"),
		one("Database", strings.TrimSpace(r.DB+versionOf(r))),
		{"Lock servers", r.Backends},
		one("Machine", r.Machine),
		one("pawl", p.Version),
	}
	if !p.Made.IsZero() {
		facts = append(facts, one("Made", p.Made.UTC().Format(time.RFC1123)))
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return strings.Join(f.Values, "") == "" })
}

// sizeOf is the size of the run, in the words of its flags.
func sizeOf(r *lab.Report) string {
	text := fmt.Sprintf("stock %s, products %s, buyers %s", grouped(r.Stock), grouped(r.Products), grouped(r.Buyers))
	if r.Limit > 0 {
		text += ", limit " + grouped(r.Limit)
	}
	return text
}

func versionOf(r *lab.Report) string {
	if r.Version == "" {
		return ""
	}
	return " (" + r.Version + ")"
}

// summary says in some sentences what was seen.
func summary(r *lab.Report) []string {
	if len(r.Runs) == 0 {
		return []string{"Nothing was run."}
	}
	var safe, wrong, hidden int
	for i := range r.Runs {
		run := &r.Runs[i]
		safe += count(run.Verdict == lab.Safe)
		wrong += count(run.Contradicts())
		hidden += count(run.NotShown())
	}
	text := []string{fmt.Sprintf("%s: %s held and %s broke.", plural(len(r.Runs), "run"), grouped(safe), grouped(len(r.Runs)-safe))}
	switch {
	case wrong > 0:
		text = append(text, fmt.Sprintf("Against the theory: %s broke what should be safe, marked “expected safe” below.", plural(wrong, "run")))
	default:
		text = append(text, "Nothing that theory calls safe has broken.")
	}
	if hidden > 0 {
		text = append(text, fmt.Sprintf("In %s a break that theory expects did not show.", plural(hidden, "run")))
	}
	if r.Moral != "" {
		text = append(text, r.Moral)
	}
	return text
}

// faultsOf returns the faults of the runs, the mildest first.
func faultsOf(runs []lab.Result) []lab.Fault {
	var faults []lab.Fault
	for _, run := range runs {
		if !slices.Contains(faults, run.Faults) {
			faults = append(faults, run.Faults)
		}
	}
	order := lab.Faults()
	slices.SortStableFunc(faults, func(a, b lab.Fault) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return faults
}

// ladder groups the runs, which are in the order of the strategies, by strategy and lock
// server. Two servers of a kind look alike in a run, so a fault that comes again begins
// another row.
func ladder(scenario *lab.Scenario, words lab.Words, runs []lab.Result, faults []lab.Fault) []rung {
	var rungs []rung
	for i, run := range runs {
		if len(rungs) == 0 || rungs[len(rungs)-1].Name != run.Strategy {
			rungs = append(rungs, rung{
				ID: fmt.Sprintf("s%d", len(rungs)+1), Name: run.Strategy, Line: lineOf(scenario, run.Strategy), Why: run.Why,
			})
		}
		g := &rungs[len(rungs)-1]
		if len(g.Rows) == 0 || !g.Rows[len(g.Rows)-1].takes(run) {
			g.Rows = append(g.Rows, row{Locks: run.Locks, Cells: make([]cell, len(faults))})
		}
		c := newCell(&run)
		if run.Timeline != nil {
			c.Timeline = fmt.Sprintf("t%d", i+1)
			g.Timelines = append(g.Timelines, newChart(c.Timeline, words, &run))
		}
		r := &g.Rows[len(g.Rows)-1]
		r.runs = append(r.runs, run)
		r.Cells[slices.Index(faults, run.Faults)] = c
		if run.Note != "" {
			g.Notes = append(g.Notes, note{runLabel(&run), run.Note})
		}
	}
	return rungs
}

// takes reports whether run belongs to the row.
func (r *row) takes(run lab.Result) bool {
	return r.Locks == run.Locks && !slices.ContainsFunc(r.runs, func(other lab.Result) bool { return other.Faults == run.Faults })
}

// lineOf returns what a strategy does, or "" for one that the scenario does not have.
func lineOf(scenario *lab.Scenario, name string) string {
	for _, strategy := range scenario.Strategies {
		if strategy.Name == name {
			return strategy.Line
		}
	}
	return ""
}

// runLabel names a run within its strategy.
func runLabel(run *lab.Result) string {
	if run.Locks == "" {
		return string(run.Faults)
	}
	return run.Locks + ", " + string(run.Faults)
}

func newCell(run *lab.Result) cell {
	c := cell{Fault: string(run.Faults), Seen: string(run.Outcome), Class: string(run.Verdict)}
	switch {
	case run.Contradicts():
		c.Class, c.Remark = "wrong", "expected safe"
	case run.NotShown():
		c.Class, c.Remark = "unshown", "expected: "+string(run.ExpectedOutcome)
	case run.Faults != lab.None && !run.Struck:
		c.Remark = "did not strike"
	case run.Outcome != run.ExpectedOutcome:
		c.Remark = "expected: " + string(run.ExpectedOutcome)
	}
	return c
}

func count(cond bool) int {
	if cond {
		return 1
	}
	return 0
}
