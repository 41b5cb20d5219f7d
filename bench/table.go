package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// writeTable writes for people. In brackets is how many times a peer's figure pawl's
// is.
func (r *result) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s\nmedian of %d interleaved runs of %s; in brackets: pawl / peer\n", &r.Machine, r.Runs, r.Stretch)
	for _, b := range backends {
		who := r.contendersOn(b.name)
		if len(who) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", b.name)
		if b.note != "" {
			fmt.Fprintf(w, "  (%s)\n", b.note)
		}
		for _, c := range who {
			fmt.Fprintf(w, "  %s: %s\n", c, r.Settings[b.name+"/"+c])
		}
		if err := r.writeFigures(w, b.name); err != nil {
			return err
		}
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(w, "\nnot finished: %s\n", failure)
	}
	for _, name := range r.Missing {
		fmt.Fprintf(w, "\nnot measured: %s\n", name)
	}
	return r.writeVerdicts(w)
}

func (r *result) contendersOn(backend string) (who []string) {
	for _, s := range r.Figures {
		if s.Backend == backend && !slices.Contains(who, s.Contender) {
			who = append(who, s.Contender)
		}
	}
	return who
}

func (r *result) writeFigures(w io.Writer, backend string) error {
	for _, sc := range scenarios {
		if len(r.rows(sc, backend)) == 0 {
			continue
		}
		who := r.playersOf(sc, backend)
		fmt.Fprintf(w, "\n%s: %s\n", sc.name, sc.what)
		table := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
		fmt.Fprint(table, "  \t")
		for _, c := range who {
			fmt.Fprintf(table, "%s\t", c)
		}
		fmt.Fprintln(table)
		for _, m := range r.rows(sc, backend) {
			fmt.Fprintf(table, "  %s, %s\t", m.name, m.unit)
			for _, c := range who {
				fmt.Fprintf(table, "%s\t", r.cell(sc, backend, c, m))
			}
			fmt.Fprintln(table)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// playersOf returns the contenders on backend that have finished a turn of sc.
func (r *result) playersOf(sc *scenario, backend string) []string {
	return slices.DeleteFunc(r.contendersOn(backend), func(c string) bool {
		return !slices.ContainsFunc(r.Figures, func(s *series) bool {
			return s.Backend == backend && s.Scenario == sc.name && s.Contender == c
		})
	})
}

// rows returns the metrics of sc that were measured.
func (r *result) rows(sc *scenario, backend string) (rows []metric) {
	for _, m := range sc.metrics {
		if r.find(backend, sc.name, ours, m.name) != nil {
			rows = append(rows, m)
		}
	}
	return rows
}

func (r *result) cell(sc *scenario, backend, contender string, m metric) string {
	theirs, ok := r.median(backend, sc.name, contender, m.name)
	if !ok {
		return "-"
	}
	text := figure(theirs)
	if pawls, ok := r.median(backend, sc.name, ours, m.name); ok && contender != ours && theirs != 0 {
		text += fmt.Sprintf(" (%s x)", figure(pawls/theirs))
	}
	return text
}

// figure writes three digits or the whole part.
func figure(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', min(digits, 3), 64)
}
