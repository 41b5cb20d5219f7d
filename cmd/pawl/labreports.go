package main

import (
	"fmt"
	"io"

	"github.com/pawl-go/pawl/internal/lab"
)

// labReports prints the reports of a session that is run once or several times.
type labReports struct {
	out      io.Writer
	form     output
	page     *pageFile // or nil
	scenario *lab.Scenario
	brief    bool // a line for each report that is as it should be

	runs  int
	wrong []lab.Result // broken though safe in theory
}

func (r *labReports) add(report *lab.Report) error {
	if r.page != nil {
		if err := r.page.write(r.scenario, report); err != nil {
			return err
		}
	}
	wrong := report.Contradictions()
	r.runs += len(report.Runs)
	r.wrong = append(r.wrong, wrong...)
	switch {
	case r.form == outputJSON:
		return writeJSON(r.out, report)
	case r.brief && len(wrong) == 0:
		_, err := fmt.Fprintf(r.out, "seed %d: %d runs, nothing broke that is safe in theory%s\n", report.Seed, len(report.Runs), besides(report))
		return err
	}
	return report.WriteTable(r.out)
}

// unfinished prints what a session has done that ended early, for people: it may be the
// work of some minutes. Whoever reads JSON or the page gets all or nothing.
func (r *labReports) unfinished(report *lab.Report) {
	if report == nil || len(report.Runs) == 0 || r.form == outputJSON || r.brief && len(report.Contradictions()) == 0 {
		return
	}
	fmt.Fprint(r.out, "unfinished; these runs were done:\n\n")
	_ = report.WriteTable(r.out) // what ended it is told, too
}

// besides says what else there is to know of a report in which nothing broke.
func besides(report *lab.Report) string {
	hidden, failed, missed := 0, 0, 0
	for _, run := range report.Runs {
		failed += run.Failed
		if run.NotShown() {
			hidden++
		}
		if run.Faults != lab.None && !run.Struck {
			missed++
		}
	}
	text := ""
	if failed > 0 {
		text += fmt.Sprintf("; %d %ss got an error", failed, report.Words.Who)
	}
	if missed > 0 {
		text += fmt.Sprintf("; faults that found nobody: %d", missed)
	}
	if hidden > 0 {
		text += fmt.Sprintf("; expected breaks that did not show: %d", hidden)
	}
	return text
}

// conclude returns what the command has failed for, if it has.
func (r *labReports) conclude() error {
	if len(r.wrong) == 0 {
		return nil
	}
	return exitWith(codeFailed, "%d of %d runs broke what should be safe, the first one %s with faults %s",
		len(r.wrong), r.runs, r.wrong[0].Strategy, r.wrong[0].Faults)
}
