package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/pawl-go/pawl/internal/lab"
)

// logFrom is how many times the smallest bar the largest must be for a log scale: with
// more, a linear bar of the smallest is under a pixel on a phone.
const logFrom = 100

// barChart is one figure of all strategies.
type barChart struct {
	Title, Unit, Scale string
	Grid               []gridLine
	Bars               []valueBar
}

// gridLine is a line at a round value. Its label is empty where it would meet another.
type gridLine struct {
	X      percent
	Text   string
	Anchor string
}

// valueBar is the bar of a strategy with one lock server.
type valueBar struct {
	Name, Locks string
	Text        string // the value
	Width       percent
	Broken      string // what broke, or ""
	value       float64
}

// barCharts returns the charts of throughput and latency for the runs under fault.
func barCharts(words lab.Words, rungs []rung, fault lab.Fault) []barChart {
	under := "without a fault"
	if fault != lab.None {
		under = "under the fault " + string(fault)
	}
	perSecond := barChart{
		Title: capital(words.Done) + "s per second, " + under, Unit: "per s",
		Bars: bars(rungs, fault, rate, func(r *lab.Result) float64 { return r.OrdersPerSecond }),
	}
	p99 := barChart{
		Title: "Waiting time, " + under + ": p99 in milliseconds", Unit: "p99 ms",
		Bars: bars(rungs, fault, milliseconds, func(r *lab.Result) float64 { return r.P99 }),
	}
	perSecond.measure()
	p99.measure()
	return []barChart{perSecond, p99}
}

func bars(rungs []rung, fault lab.Fault, text func(float64) string, value func(*lab.Result) float64) []valueBar {
	var all []valueBar
	for _, g := range rungs {
		for _, row := range g.Rows {
			for _, run := range row.runs {
				if run.Faults != fault {
					continue
				}
				bar := valueBar{Name: g.Name, Locks: row.Locks, value: value(&run), Text: text(value(&run))}
				if run.Verdict == lab.Broken {
					bar.Broken = string(run.Outcome)
				}
				all = append(all, bar)
			}
		}
	}
	return all
}

// measure chooses the scale.
func (c *barChart) measure() {
	least, most := math.Inf(1), 0.0
	for _, bar := range c.Bars {
		if bar.value > 0 {
			least, most = min(least, bar.value), max(most, bar.value)
		}
	}
	width := func(value float64) float64 { return value / most }
	switch {
	case most == 0:
		width = func(float64) float64 { return 0 }
	case most/least > logFrom:
		from := math.Floor(math.Log10(least) - 0.05) // so that the smallest is seen
		decades := math.Log10(most) - from
		width = func(value float64) float64 { return (math.Log10(value) - from) / decades }
		c.Scale = fmt.Sprintf("Log scale: each line is ten times the one before it, and the bars begin at %s.", power(from))
		c.logGrid(int(from), decades)
	default:
		c.Scale = "Linear scale from 0."
		c.Grid = []gridLine{{0, "0", "start"}, {50, "", ""}, {100, rate(most), "end"}}
	}
	for i := range c.Bars {
		if c.Bars[i].value > 0 {
			c.Bars[i].Width = percent(100 * width(c.Bars[i].value))
		}
	}
}

func (c *barChart) logGrid(from int, decades float64) {
	const apart = 36 // a label of six digits needs this part of a phone's chart
	last := percent(-apart)
	for i := 0; float64(i) <= decades; i++ {
		line := gridLine{X: percent(100 * float64(i) / decades)}
		if line.X-last >= apart {
			line.Text, last = power(float64(from+i)), line.X
			line.Anchor = anchor(line.X, 10)
		}
		c.Grid = append(c.Grid, line)
	}
}

// power returns ten to the exp.
func power(exp float64) string {
	if exp < 0 {
		return fmt.Sprintf("%.*f", int(-exp), math.Pow(10, exp))
	}
	return grouped(int(math.Pow(10, exp)))
}

// anchor keeps a text at x, half as wide as half, inside its chart.
func anchor(x, half percent) string {
	switch {
	case x < half:
		return "start"
	case x > 100-half:
		return "end"
	}
	return "middle"
}

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
