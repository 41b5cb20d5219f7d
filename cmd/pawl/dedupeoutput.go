package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/dedupe"
	"golang.org/x/term"
)

// dedupeProgress shows how far a job is: in one line that it writes over and over on a
// terminal, and in a line for each step elsewhere.
type dedupeProgress struct {
	file     *os.File
	terminal bool
	shown    time.Time
	phase    string
}

func newDedupeProgress(file *os.File) *dedupeProgress {
	return &dedupeProgress{file: file, terminal: term.IsTerminal(int(file.Fd()))}
}

// plainEvery is the time between two lines where nobody watches.
const plainEvery = 10 * time.Second

// show is called at every step.
func (p *dedupeProgress) show(s dedupe.Status) {
	fresh := s.Phase != p.phase
	switch {
	case p.terminal && (fresh || time.Since(p.shown) > 100*time.Millisecond):
		fmt.Fprintf(p.file, "\r\x1b[K%s", dedupeLine(s))
	case !p.terminal && (fresh || time.Since(p.shown) > plainEvery):
		fmt.Fprintln(p.file, dedupeLine(s))
	default:
		return
	}
	p.phase, p.shown = s.Phase, time.Now()
}

// clear takes the line off the terminal.
func (p *dedupeProgress) clear() {
	if p.terminal && p.phase != "" {
		fmt.Fprint(p.file, "\r\x1b[K")
	}
}

func dedupeLine(s dedupe.Status) string {
	if s.Before.Duplicates == 0 && s.Deleted == 0 {
		return s.Phase
	}
	line := fmt.Sprintf("%s: %d of %d groups, %d of %d rows", s.Phase, s.Groups, s.Before.Groups, s.Deleted, s.Before.Duplicates)
	if s.Rate > 0 {
		line += fmt.Sprintf(", %.0f rows/s, %v to go", s.Rate, s.Remaining.Round(time.Second))
	}
	return line
}

func printDedupe(w io.Writer, r *dedupe.Report, form output) error {
	if form == outputJSON {
		return writeJSON(w, r)
	}
	table := newTable(w)
	fmt.Fprintf(table, "%s by %s\trows\tgroups\tduplicates\n", printable(r.Table), printable(strings.Join(r.Key, ",")))
	fmt.Fprintf(table, "before\t%d\t%d\t%d\n", r.Before.Rows, r.Before.Groups, r.Before.Duplicates)
	if !r.DryRun && r.After != nil {
		fmt.Fprintf(table, "after\t%d\t%d\t%d\n", r.After.Rows, r.After.Groups, r.After.Duplicates)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range r.Pointing {
		fmt.Fprintf(w, "%d rows of %s point at duplicates (foreign key %s)\n", p.Rows, printable(p.Table), printable(p.ForeignKey))
	}
	if r.DryRun {
		return nil
	}
	_, err := fmt.Fprintln(w, dedupeSummary(r))
	return err
}

// dedupeSummary says in one line what was done.
func dedupeSummary(r *dedupe.Report) string {
	text := fmt.Sprintf("deleted %d in %d batches, %.1f s", r.Deleted, r.Batches, r.Seconds)
	if r.Resumed {
		text += ", earlier runs of this job included"
	}
	if r.BackupTable != "" && r.Deleted > 0 {
		text += "; they are in " + printable(r.BackupTable)
	}
	if r.Repointed > 0 {
		text += fmt.Sprintf("; %d references point elsewhere now", r.Repointed)
	}
	if r.Skipped > 0 {
		text += fmt.Sprintf("; %d left because something points at them", r.Skipped)
	}
	if r.UniqueIndex != "" {
		text += "; unique index " + printable(r.UniqueIndex)
	}
	return text
}
