package page

import "slices"

// What an axis leaves out: a stretch of more than this part of the whole in which
// nothing happens, which is drawn this wide.
const (
	cutFrom  = 1.0 / 8
	cutWidth = percent(7)
)

// axis places moments on a chart. A fault takes a second and the stays around it some
// milliseconds, so on an even axis there would be nothing to see: stretches in which
// nobody comes or goes are cut short. What is left has one scale.
type axis struct{ pieces []piece }

// piece is a stretch of time, in milliseconds, and where it is drawn.
type piece struct {
	From, To float64
	X, W     percent
	Cut      bool
}

// newAxis makes an axis on which all of times have a place.
func newAxis(times []float64) axis {
	times = slices.Compact(slices.Sorted(slices.Values(times)))
	pieces := []piece{{From: times[0], To: times[0]}}
	for i, t := range times[1:] {
		if t-times[i] > cutFrom*(times[len(times)-1]-times[0]) {
			pieces = append(pieces, piece{From: times[i], To: t, Cut: true}, piece{From: t, To: t})
			continue
		}
		pieces[len(pieces)-1].To = t
	}
	a := axis{pieces}
	a.place()
	return a
}

// place shares the width out. A piece of hardly any time still gets room for a line.
func (a axis) place() {
	const room = 0.02
	free, shown := percent(100), 0.0
	for _, p := range a.pieces {
		if p.Cut {
			free -= cutWidth
		}
		shown += p.shown()
	}
	weight := func(p piece) float64 { return p.shown() + max(shown*room, 0.001) }
	all := 0.0
	for _, p := range a.pieces {
		if !p.Cut {
			all += weight(p)
		}
	}
	x := percent(0)
	for i := range a.pieces {
		p := &a.pieces[i]
		p.X, p.W = x, cutWidth
		if !p.Cut {
			p.W = free * percent(weight(*p)/all)
		}
		x += p.W
	}
}

func (p piece) shown() float64 {
	if p.Cut {
		return 0
	}
	return p.To - p.From
}

// at returns the place of a moment.
func (a axis) at(t float64) percent {
	for _, p := range a.pieces {
		switch {
		case t > p.To:
			continue
		case t <= p.From:
			return p.X
		}
		return p.X + p.W*percent((t-p.From)/(p.To-p.From))
	}
	last := a.pieces[len(a.pieces)-1]
	return last.X + last.W
}

// cuts returns what is left out.
func (a axis) cuts() []piece {
	return slices.DeleteFunc(slices.Clone(a.pieces), func(p piece) bool { return !p.Cut })
}

// tick is a label under the axis, in the first or the second line.
type tick struct {
	X      percent
	Line   int
	Text   string
	Anchor string
}

// reach returns what a label takes of the width of a phone's chart.
func (t tick) reach() (from, to percent) {
	const width = 17
	switch t.Anchor {
	case "start":
		return t.X, t.X + width
	case "end":
		return t.X - width, t.X
	}
	return t.X - width/2, t.X + width/2
}

// meets reports whether the labels would stand on each other.
func (t tick) meets(other tick) bool {
	from, to := t.reach()
	otherFrom, otherTo := other.reach()
	return t.Line == other.Line && from < otherTo && otherFrom < to
}

// ticks labels the fault and the ends of the pieces, as many as have room in two lines.
func (a axis) ticks() []tick {
	moments := []float64{0}
	for _, p := range slices.Backward(a.pieces) {
		if !p.Cut {
			moments = append(moments, p.To, p.From)
		}
	}
	slices.Sort(moments[1:])
	slices.Reverse(moments[1:])
	var ticks []tick
	for _, t := range slices.Compact(moments) {
		x := a.at(t)
		for line := range 2 {
			label := tick{x, line, moment(t), anchor(x, 9)}
			same := func(other tick) bool { return other.Text == label.Text || label.meets(other) }
			if !slices.ContainsFunc(ticks, same) {
				ticks = append(ticks, label)
				break
			}
		}
	}
	return ticks
}
