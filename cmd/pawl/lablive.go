package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

// liveOutcomes are the outcomes of runs in a word: what is more than zero in the table at
// the end.
var liveOutcomes = map[lab.Outcome]string{
	lab.Holds: "safe", lab.Oversells: "over", lab.LosesUpdates: "lost", lab.Duplicates: "twice", lab.Stuck: "stuck",
}

// liveRow is a strategy with one lock server.
type liveRow struct {
	name, locks string
	runs        map[lab.Fault]lab.RunProgress
}

// liveTable returns the lines of a table that shows how far all runs are, made for a
// terminal of that size. Where it has too few rows, those stay away with which nothing
// has happened for the longest time.
func liveTable(scenario string, since time.Duration, now lab.Progress, width, height int) []string {
	rows := liveRows(now)
	table := newLiveColumns(rows)
	lines := []string{liveHead(scenario, since, now), table.head()}
	shown := recent(rows, max(1, height-len(lines)-2)) // and the line below, and the cursor's
	for i := range shown {
		lines = append(lines, table.line(&shown[i], now.Buyers))
	}
	if n := len(rows) - len(shown); n > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", n))
	}
	for i, line := range lines {
		lines[i] = firstRunes(line, width-1) // the last column would break the line on some
	}
	return lines
}

// firstRunes returns at most n runes of text.
func firstRunes(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:max(n, 0)])
	}
	return text
}

func liveHead(scenario string, since time.Duration, now lab.Progress) string {
	done := 0
	for _, r := range now.Runs {
		if r.Result != nil {
			done++
		}
	}
	return fmt.Sprintf("%s: %d of %d runs done, %v", scenario, done, len(now.Runs), since.Truncate(time.Second))
}

// liveRows gathers the runs of a strategy with a lock server. Two servers of a kind look
// alike, so a fault that comes again begins another row.
func liveRows(now lab.Progress) []liveRow {
	var rows []liveRow
	for _, r := range now.Runs {
		last := len(rows) - 1
		if last < 0 || rows[last].name != r.Strategy || rows[last].locks != r.Locks || rows[last].has(r.Fault) {
			rows = append(rows, liveRow{r.Strategy, r.Locks, make(map[lab.Fault]lab.RunProgress)})
			last++
		}
		rows[last].runs[r.Fault] = r
	}
	return rows
}

func (r *liveRow) has(fault lab.Fault) bool {
	_, ok := r.runs[fault]
	return ok
}

// activity says how much a row is worth to be seen: one that is under way more than all
// others, and of these the one whose latest run has begun last.
func (r *liveRow) activity() (busy, latest int) {
	for _, run := range r.runs {
		latest = max(latest, run.Turn)
		if run.UnderWay() {
			busy = 1
		}
	}
	return busy, latest
}

// recent returns the n rows with which something has happened last, in their order.
func recent(rows []liveRow, n int) []liveRow {
	if len(rows) <= n {
		return rows
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		busyI, latestI := rows[i].activity()
		busyJ, latestJ := rows[j].activity()
		return cmp.Or(busyJ-busyI, latestJ-latestI)
	})
	var shown []liveRow
	for _, i := range slices.Sorted(slices.Values(order[:n])) {
		shown = append(shown, rows[i])
	}
	return shown
}

// liveColumns are the widths of a table, and the faults that it has.
type liveColumns struct {
	name, locks int
	faults      []lab.Fault
}

func newLiveColumns(rows []liveRow) liveColumns {
	c := liveColumns{name: len("STRATEGY")}
	// Without servers there is one lock file, of which nothing need be said.
	named := slices.ContainsFunc(rows, func(r liveRow) bool { return r.locks != "" && r.locks != "sqlite" })
	for _, r := range rows {
		c.name = max(c.name, len(r.name))
		if named {
			c.locks = max(c.locks, len(r.locks), len("LOCKS"))
		}
	}
	for _, fault := range lab.Faults() {
		if slices.ContainsFunc(rows, func(r liveRow) bool { return r.has(fault) }) {
			c.faults = append(c.faults, fault)
		}
	}
	return c
}

// liveWidth returns the width of the column of a fault, with the space before it.
func liveWidth(fault lab.Fault) int { return 1 + max(len(fault), len("stuck!")) }

func (c liveColumns) start(name, locks string) string {
	line := fmt.Sprintf("%-*s", c.name, name)
	if c.locks > 0 {
		line += fmt.Sprintf("  %-*s", c.locks, locks)
	}
	return line
}

func (c liveColumns) head() string {
	line := c.start("STRATEGY", "LOCKS")
	for _, fault := range c.faults {
		line += fmt.Sprintf("%*s", liveWidth(fault), strings.ToUpper(string(fault)))
	}
	return line
}

func (c liveColumns) line(r *liveRow, buyers int) string {
	line := c.start(r.name, r.locks)
	for _, fault := range c.faults {
		text := ""
		if run, ok := r.runs[fault]; ok {
			text = liveText(&run, buyers)
		}
		line += fmt.Sprintf("%*s", liveWidth(fault), text)
	}
	return strings.TrimRight(line, " ")
}

// liveText says in a word how far a run is: a dot before it, how many of the buyers have
// an answer, and then what has come of it, with a sign where theory expects another verdict.
func liveText(r *lab.RunProgress, buyers int) string {
	switch {
	case r.Turn == 0:
		return "."
	case r.Result == nil:
		return fmt.Sprintf("%d%%", 100*r.Answers/max(buyers, 1))
	case r.Result.Contradicts():
		return liveOutcomes[r.Result.Outcome] + "!"
	case r.Result.NotShown():
		return liveOutcomes[r.Result.Outcome] + "?"
	}
	return liveOutcomes[r.Result.Outcome]
}
