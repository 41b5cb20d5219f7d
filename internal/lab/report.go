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
	DB       string   `json:"db"`
	Backend  string   `json:"backend"`
	Stock    int      `json:"stock"`
	Buyers   int      `json:"buyers"`
	Procs    int      `json:"procs"`
	Clients  int      `json:"clients"`
	Seed     uint64   `json:"seed"`
	TTL      int64    `json:"fault_ttl_ms"` // of locks in runs with a fault
	Runs     []Result `json:"runs"`
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
	out.f("%s: %d buyers, %d pieces, %d processes with %d clients each, seed %d\n",
		r.Scenario, r.Buyers, r.Stock, r.Procs, r.Clients, r.Seed)
	out.f("database %s\nlocks    %s\n\n", r.DB, r.Backend)
	r.table(out)
	r.explain(out)
	r.conclude(out)
	return out.err
}

func (r *Report) table(out *printer) {
	// Text is padded by hand: a column of the table is either all left or all right.
	const row = "%-*s\t%-5s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%-8s\t%-7s\t\n"
	longest := len("STRATEGY")
	for _, run := range r.Runs {
		longest = max(longest, len(run.Strategy))
	}
	const gap = 2 // ahead of each column, so of the first one too
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, gap, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, row, longest, "STRATEGY", "FAULT", "SOLD", "OVERSOLD", "LOST", "STUCK", "ORDERS/S", "P50 MS", "P99 MS", "EXPECTED", "VERDICT")
	last := ""
	for _, run := range r.Runs {
		name := run.Strategy
		if name == last {
			name = ""
		}
		last = run.Strategy
		fmt.Fprintf(table, row, longest, name, run.Faults, number(run.Sold), number(run.Oversold), number(run.Lost), number(run.Stuck),
			fmt.Sprintf("%.0f", run.OrdersPerSecond), fmt.Sprintf("%.1f", run.P50), fmt.Sprintf("%.1f", run.P99), run.Expected, run.Verdict)
	}
	out.keep(table.Flush())
	for line := range strings.Lines(text.String()) {
		out.f("%s\n", strings.TrimRight(line[gap:], " \n"))
	}
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
			out.wrap("  ", fmt.Sprintf("[%s] %s.", run.Faults, run.Note))
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
		faults[run.Strategy] = append(faults[run.Strategy], string(run.Faults))
	}
	for i, name := range order {
		if all := r.where(func(run *Result) bool { return run.Strategy == name }); len(all) > len(faults[name]) {
			order[i] = fmt.Sprintf("%s (faults: %s)", name, strings.Join(faults[name], ", "))
		}
	}
	return strings.Join(order, ", ")
}

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
