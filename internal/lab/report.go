package lab

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Report is what a session has seen.
type Report struct {
	Scenario string   `json:"scenario"`
	Words    Words    `json:"-"`
	Machine  string   `json:"machine"`
	Version  string   `json:"db_version"`
	DB       string   `json:"db"`
	Backends []string `json:"backends"` // each lock server's URL and version
	Stock    int      `json:"stock"`
	Products int      `json:"products"`
	Limit    int      `json:"limit,omitempty"` // 0 is any number
	Buyers   int      `json:"buyers"`
	Procs    int      `json:"procs"`
	Clients  int      `json:"clients"`
	Seed     uint64   `json:"seed"`
	TTL      int64    `json:"fault_ttl_ms"` // of locks in runs with a fault
	Runs     []Result `json:"runs"`
	Left     []string `json:"left_out,omitempty"` // what was asked for and cannot be run here, by what it needs
	Moral    string   `json:"moral,omitempty"`
}

// width is that of the text under the table.
const width = 96

// Contradictions returns the runs that broke what theory says is safe.
func (r *Report) Contradictions() []Result {
	return r.where(func(run *Result) bool { return run.Contradicts() })
}

func (r *Report) where(cond func(*Result) bool) []Result {
	var runs []Result
	for _, run := range r.Runs {
		if cond(&run) {
			runs = append(runs, run)
		}
	}
	return runs
}

// Find returns the run of a strategy under a fault.
func (r *Report) Find(strategy string, fault Fault) (Result, bool) {
	for _, run := range r.Runs {
		if run.Strategy == strategy && run.Faults == fault {
			return run, true
		}
	}
	return Result{}, false
}

// WriteTable writes the report for people, in lines of at most 100 columns.
func (r *Report) WriteTable(w io.Writer) error {
	out := &printer{w: w}
	out.f("%s: %s\n", r.Scenario, r.flags())
	out.f("machine  %s\n", r.Machine)
	out.f("database %s (%s)\n", r.DB, r.Version)
	for _, backend := range r.Backends {
		out.f("locks    %s\n", backend)
	}
	out.f("\n")
	r.table(out)
	r.explain(out)
	r.conclude(out)
	return out.err
}

// flags are those by which the run is repeated.
func (r *Report) flags() string {
	text := fmt.Sprintf("--stock %d --buyers %d ", r.Stock, r.Buyers)
	if r.Products > 1 {
		text += fmt.Sprintf("--products %d ", r.Products)
	}
	if r.Limit > 0 {
		text += fmt.Sprintf("--limit %d ", r.Limit)
	}
	return text + fmt.Sprintf("--procs %d --clients %d --seed %d", r.Procs, r.Clients, r.Seed)
}

func (r *Report) table(out *printer) {
	// Text is padded by hand: a column of the table is either all left or all right.
	const row = "%-*s\t%-*s\t%-7s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%-13s\t\n"
	longest, longestLocks := len("STRATEGY"), len("LOCKS")
	for _, run := range r.Runs {
		longest, longestLocks = max(longest, len(run.Strategy)), max(longestLocks, len(run.Locks))
	}
	const gap = 2 // ahead of each column, so of the first one too
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, gap, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, row, longest, "STRATEGY", longestLocks, "LOCKS", "FAULT", "DONE", "OVER", "LOST", "TWICE", "STUCK", "PER S", "P99 MS", "OUTCOME")
	last := ""
	for _, run := range r.Runs {
		name, locks := run.Strategy, run.Locks
		if name+locks == last {
			name, locks = "", ""
		}
		last = run.Strategy + run.Locks
		fmt.Fprintf(table, row, longest, name, longestLocks, locks, run.Faults, number(run.Sold), number(run.Oversold), number(run.Lost), number(run.Doubled),
			number(run.Stuck), fmt.Sprintf("%.0f", run.OrdersPerSecond), milliseconds(run.P99), run.mark())
	}
	out.keep(table.Flush())
	for line := range strings.Lines(text.String()) {
		out.f("%s\n", strings.TrimRight(line[gap:], " \n"))
	}
}

// mark is the outcome, with a sign where theory expects another verdict.
func (r *Result) mark() string {
	switch {
	case r.Contradicts():
		return string(r.Outcome) + " (!)"
	case r.NotShown():
		return string(r.Outcome) + " (?)"
	}
	return string(r.Outcome)
}

// milliseconds returns ms with a decimal where that says anything.
func milliseconds(ms float64) string {
	if ms < 100 {
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}

func number(n int) string { return strconv.Itoa(n) }

// explain writes why, and what is unusual, for each strategy.
func (r *Report) explain(out *printer) {
	for i, run := range r.Runs {
		if i == 0 || r.Runs[i-1].Strategy != run.Strategy {
			out.f("\n%s\n", run.Strategy)
			out.wrap("  ", run.Why)
		}
		if run.Note != "" {
			out.wrap("  ", fmt.Sprintf("[%s] %s.", strings.TrimPrefix(run.Locks+" "+string(run.Faults), " "), run.Note))
		}
	}
}

// conclude says in some lines what was seen.
func (r *Report) conclude(out *printer) {
	out.f("\n")
	if broken := r.where(func(run *Result) bool { return run.Verdict == Broken }); len(broken) > 0 {
		out.wrap("", "Broke: "+r.names(broken)+".")
	}
	if safe := r.where(func(run *Result) bool { return run.Verdict == Safe }); len(safe) > 0 {
		out.wrap("", "Held: "+r.names(safe)+".")
	}
	if r.Moral != "" {
		out.wrap("", r.Moral)
	}
	if len(r.Left) > 0 {
		out.wrap("", "Left out here, to be had with "+strings.Join(r.Left, "; ")+".")
	}
	if wrong := r.Contradictions(); len(wrong) > 0 {
		out.wrap("", "Against the theory, broken though expected to be safe: "+r.names(wrong)+".")
	}
}

// names lists the strategies of runs, each with its faults unless these are all that
// it was run under.
func (r *Report) names(runs []Result) string {
	var order []string
	faults := make(map[string][]string)
	for _, run := range runs {
		if !slices.Contains(order, run.Strategy) {
			order = append(order, run.Strategy)
		}
		fault := string(run.Faults)
		if run.Locks != "" && r.severalLocks() {
			fault = run.Locks + " " + fault
		}
		faults[run.Strategy] = append(faults[run.Strategy], fault)
	}
	for i, name := range order {
		if all := r.where(func(run *Result) bool { return run.Strategy == name }); len(all) > len(faults[name]) {
			order[i] = fmt.Sprintf("%s (faults: %s)", name, strings.Join(faults[name], ", "))
		}
	}
	return strings.Join(order, ", ")
}

// severalLocks reports whether the runs stand on more than one lock server.
func (r *Report) severalLocks() bool { return len(r.Backends) > 1 }

// printer remembers the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(text []byte) (int, error) {
	n, err := p.w.Write(text)
	p.keep(err)
	return n, err
}

func (p *printer) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// wrap writes text in lines that begin with indent.
func (p *printer) wrap(indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) > width && line != indent {
			p.f("%s\n", strings.TrimRight(line, " "))
			line = indent
		}
		line += word + " "
	}
	p.f("%s\n", strings.TrimRight(line, " "))
}
