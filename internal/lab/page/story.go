package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/internal/lab"
)

// event is a line of the table that says in words what a timeline shows.
type event struct{ At, Process, Who, Token, What string }

// first returns the first mark of a kind.
func (p *plot) first(kind string) (lab.Mark, bool) {
	i := slices.IndexFunc(p.line.Marks, func(m lab.Mark) bool { return m.Kind == kind })
	if i < 0 {
		return lab.Mark{}, false
	}
	return p.line.Marks[i], true
}

func (p *plot) number(kind string) int {
	n := 0
	for _, m := range p.line.Marks {
		n += count(m.Kind == kind)
	}
	return n
}

// struck returns the stay that the fault has struck.
func (p *plot) struck() (lab.Span, bool) {
	i := slices.IndexFunc(p.line.Spans, func(s lab.Span) bool { return s.Struck })
	if i < 0 {
		return lab.Span{}, false
	}
	return p.line.Spans[i], true
}

// next returns the first stay that began after the fault.
func (p *plot) next() (lab.Span, bool) {
	for _, s := range p.spans() {
		if s.From > 0 {
			return s, true
		}
	}
	return lab.Span{}, false
}

// meanwhile counts the stays that began while the one that was struck was not over.
func (p *plot) meanwhile(end float64) int {
	n := 0
	for _, s := range p.line.Spans {
		n += count(!s.Struck && s.From > 0 && s.From < end)
	}
	return n
}

// token names a token by its place in the order.
func (p *plot) token(token uint64) string {
	if token == 0 {
		return "a write"
	}
	return fmt.Sprintf("token #%d", p.ranks[token])
}

// with returns verb and the token, as " with token #4", or "" without one.
func (p *plot) with(verb string, token uint64) string {
	if token == 0 {
		return ""
	}
	return " " + verb + " " + p.token(token)
}

func (p *plot) struckText(mark lab.Mark) string {
	token := ""
	if s, ok := p.struck(); ok {
		token = p.with("holding", s.Token)
	}
	switch p.run.Faults {
	case lab.Kill:
		return fmt.Sprintf("process %d killed%s", mark.Process, token)
	case lab.Pause:
		return fmt.Sprintf("process %d paused%s", mark.Process, token)
	case lab.Slow:
		return fmt.Sprintf("process %d slow%s", mark.Process, token)
	case lab.Restart:
		return "lock server restarted"
	case lab.Cut:
		return "lock server out of reach"
	}
	return "fault"
}

func (p *plot) overText(mark lab.Mark) string {
	switch p.run.Faults {
	case lab.Pause:
		return fmt.Sprintf("process %d goes on", mark.Process)
	case lab.Slow:
		return fmt.Sprintf("process %d writes", mark.Process)
	case lab.Cut:
		return "the lock server is in reach again"
	}
	return fmt.Sprintf("process %d goes on", mark.Process)
}

// story says in some sentences what the timeline shows, in the order in which it
// happened.
func (p *plot) story() string {
	type sentence struct {
		at   float64
		text string
	}
	var told []sentence
	tell := func(at float64, format string, args ...any) {
		told = append(told, sentence{at, fmt.Sprintf(format, args...)})
	}
	if mark, ok := p.first("struck"); ok {
		tell(mark.At, "At 0: %s.", p.struckText(mark))
	}
	struck, inside := p.struck()
	switch next, ok := p.next(); {
	case !ok:
		tell(0, "Nobody got in after that.")
	case inside && !struck.Died && next.From < struck.To:
		tell(next.From, "While it was still inside others got in, %s, the first of them process %d after %s%s.",
			plural(p.meanwhile(struck.To), "time"), next.Process, moment(next.From), p.with("with", next.Token))
	default:
		tell(next.From, "After %s process %d gets in%s.", moment(next.From), next.Process, p.with("with", next.Token))
	}
	if over, ok := p.first("over"); ok {
		tell(over.At, "After %s %s.", moment(over.At), p.overText(over))
	}
	if mark, ok := p.first("refused"); ok {
		more := ""
		if n := p.number("refused"); n > 1 {
			more = fmt.Sprintf(" and so are %d more", n-1)
		}
		tell(mark.At, "After %s %s is refused%s.", moment(mark.At), p.token(mark.Token), more)
	}
	slices.SortStableFunc(told, func(a, b sentence) int { return cmp.Compare(a.at, b.at) })
	texts := make([]string, len(told))
	for i, s := range told {
		texts[i] = s.text
	}
	return strings.Join(texts, " ")
}

// events lists everything, the earliest first.
func (p *plot) events(words lab.Words) []event {
	type timed struct {
		at float64
		event
	}
	var all []timed
	for _, s := range p.line.Spans {
		what := "inside for " + milliseconds(s.To-s.From) + " ms"
		switch {
		case s.Died:
			what += ", died there"
		case s.Struck:
			what += ", struck there"
		}
		who := words.Who + " " + strconv.Itoa(s.Buyer)
		all = append(all, timed{s.From, event{milliseconds(s.From), strconv.Itoa(s.Process), who, p.longToken(s.Token), what}})
	}
	for _, m := range p.line.Marks {
		what := m.Kind
		switch m.Kind {
		case "struck":
			what = "the fault: " + p.struckText(m)
		case "over":
			what = "the end of the fault: " + p.overText(m)
		}
		all = append(all, timed{m.At, event{milliseconds(m.At), strconv.Itoa(m.Process), "", p.longToken(m.Token), what}})
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	events := make([]event, len(all))
	for i, e := range all {
		events[i] = e.event
	}
	return events
}

func (p *plot) longToken(token uint64) string {
	if token == 0 {
		return "–"
	}
	return fmt.Sprintf("#%d: %d", p.ranks[token], token)
}
