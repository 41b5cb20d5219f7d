package page

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pawl-go/pawl/internal/lab"
)

// Heights of a timeline, in pixels.
const (
	calloutHeight = 18 // a line of text at the top
	laneHead      = 17 // the name of a process above its bars
	barHeight     = 12
	barStep       = 15 // stays of a process at the same time stand under each other
	laneFoot      = 5
	axisFoot      = 38 // two lines of labels
)

// chart is the timeline of one run.
type chart struct {
	ID, Run, Title string
	Story          string
	Height, AxisY  int
	Callouts       []callout
	Lanes          []lane
	Bars           []bar
	Crosses        []cross
	Cuts           []piece
	Ticks          []tick
	Events         []event
}

// LanesHeight is that of all lanes together.
func (c chart) LanesHeight() int { return c.AxisY - c.Lanes[0].Top }

// TickY is where a tick ends that has its label in a line.
func (c chart) TickY(line int) int { return c.AxisY + 5 + 14*line }

// TickText is where the label itself stands.
func (c chart) TickText(line int) int { return c.TickY(line) + 12 }

// callout is a line at a moment and what happened then.
type callout struct {
	X      percent
	Y, To  int
	Text   string
	Anchor string
	Class  string
}

// LineY is where its line begins: beside its text, or under one in the middle.
func (c callout) LineY() int {
	if c.Anchor == "middle" {
		return c.Y + 4
	}
	return c.Y - 9
}

// Shift keeps the text off the line.
func (c callout) Shift() int {
	switch c.Anchor {
	case "start":
		return 5
	case "end":
		return -5
	}
	return 0
}

// lane is a process.
type lane struct {
	Name   string
	Y      int // of its name
	Top    int
	Height int
}

// bar is a stay, or a part of one.
type bar struct {
	X, W  percent
	Y     int
	Class string
}

// cross is an end that was not wanted.
type cross struct {
	X percent
	Y int
}

// plot draws a chart.
type plot struct {
	chart
	run    *lab.Result
	line   *lab.Timeline
	axis   axis
	ranks  map[uint64]int
	middle map[int]int // of a process's first row of bars
}

func newChart(id string, words lab.Words, run *lab.Result) chart {
	p := &plot{run: run, line: run.Timeline, ranks: ranks(run.Timeline), middle: make(map[int]int)}
	p.axis = newAxis(moments(p.line))
	p.ID, p.Run, p.Title = id, capital(runLabel(run)), run.Strategy+", "+runLabel(run)
	p.Story = p.story()
	p.Events = p.events(words)
	p.Cuts, p.Ticks = p.axis.cuts(), p.axis.ticks()
	p.callouts()
	p.lanes()
	p.crosses()
	return p.chart
}

// moments returns everything that has a place on the axis; the fault is at 0.
func moments(t *lab.Timeline) []float64 {
	times := []float64{0}
	for _, s := range t.Spans {
		times = append(times, s.From, max(s.From, s.To))
	}
	for _, m := range t.Marks {
		times = append(times, m.At)
	}
	return times
}

// ranks numbers the tokens from 1, the oldest first: they are too long for a chart.
func ranks(t *lab.Timeline) map[uint64]int {
	var tokens []uint64
	for _, s := range t.Spans {
		tokens = append(tokens, s.Token)
	}
	for _, m := range t.Marks {
		tokens = append(tokens, m.Token)
	}
	slices.Sort(tokens)
	tokens = slices.DeleteFunc(slices.Compact(tokens), func(token uint64) bool { return token == 0 })
	ranks := make(map[uint64]int)
	for i, token := range tokens {
		ranks[token] = i + 1
	}
	return ranks
}

// callouts writes what happened at the top, each in a line of its own.
func (p *plot) callouts() {
	add := func(class string, at float64, text string) {
		x := p.axis.at(at)
		const half = 32 // of the longest text, in percent of a phone's chart
		p.Callouts = append(p.Callouts, callout{
			X: x, Y: calloutHeight*(len(p.Callouts)+1) - 5, Text: text, Class: class, Anchor: anchor(x, half),
		})
	}
	if mark, ok := p.first("struck"); ok {
		add("struck", mark.At, p.struckText(mark))
	}
	if next, ok := p.next(); ok {
		add("next", next.From, fmt.Sprintf("process %d gets in%s", next.Process, p.with("with", next.Token)))
	}
	if mark, ok := p.first("over"); ok {
		add("over", mark.At, p.overText(mark))
	}
	if mark, ok := p.first("refused"); ok {
		text := p.token(mark.Token) + " refused"
		if n := p.number("refused"); n > 1 {
			text += fmt.Sprintf(", and %d more", n-1)
		}
		add("refused", mark.At, text)
	}
}

// lanes places the bars, one lane for each process.
func (p *plot) lanes() {
	y := calloutHeight*len(p.Callouts) + 6
	for _, process := range p.processes() {
		top := y
		p.Lanes = append(p.Lanes, lane{Name: fmt.Sprintf("process %d", process), Y: y + laneHead - 4, Top: top})
		y += laneHead
		p.middle[process] = y + barHeight/2
		rows := p.stack(process)
		for i, spans := range rows {
			for _, s := range spans {
				p.stay(s, y+i*barStep)
			}
		}
		y += max(1, len(rows))*barStep + laneFoot
		p.Lanes[len(p.Lanes)-1].Height = y - top
	}
	p.AxisY, p.Height = y, y+axisFoot
	for i := range p.Callouts {
		p.Callouts[i].To = y
	}
}

// processes returns all that appear, in order.
func (p *plot) processes() []int {
	var all []int
	for _, s := range p.line.Spans {
		all = append(all, s.Process)
	}
	for _, m := range p.line.Marks {
		if m.Process > 0 {
			all = append(all, m.Process)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// stack parts the stays of a process into rows in which none meets another.
func (p *plot) stack(process int) [][]lab.Span {
	var rows [][]lab.Span
	for _, s := range p.spans() {
		if s.Process != process {
			continue
		}
		free := slices.IndexFunc(rows, func(row []lab.Span) bool { return row[len(row)-1].To <= s.From })
		if free < 0 {
			free = len(rows)
			rows = append(rows, nil)
		}
		rows[free] = append(rows[free], s)
	}
	return rows
}

// spans returns the stays, the earliest first.
func (p *plot) spans() []lab.Span {
	return slices.SortedStableFunc(slices.Values(p.line.Spans), func(a, b lab.Span) int { return cmp.Compare(a.From, b.From) })
}

// stay draws one stay: that which the fault has struck in parts.
func (p *plot) stay(s lab.Span, y int) {
	part := func(from, to float64, class string) {
		if x := p.axis.at(from); to >= from {
			p.Bars = append(p.Bars, bar{x, p.axis.at(to) - x, y, class})
		}
	}
	switch over, ok := p.first("over"); {
	case s.Died:
		part(s.From, s.To, "held")
	case !s.Struck:
		part(s.From, s.To, "held")
	case !ok || over.At > s.To:
		part(s.From, 0, "held")
		part(0, s.To, "stood")
	default:
		part(s.From, 0, "held")
		part(0, over.At, "stood")
		part(over.At, s.To, "late")
	}
}

// crosses marks deaths and refusals.
func (p *plot) crosses() {
	for _, s := range p.line.Spans {
		if s.Died {
			p.Crosses = append(p.Crosses, cross{p.axis.at(s.To), p.middle[s.Process]})
		}
	}
	for _, m := range p.line.Marks {
		if m.Kind == "refused" {
			p.Crosses = append(p.Crosses, cross{p.axis.at(m.At), p.middle[m.Process]})
		}
	}
}
