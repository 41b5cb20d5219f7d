package lab

import (
	"maps"
	"slices"
	"time"
)

// Timeline is who was in the critical section around a fault.
type Timeline struct {
	Spans []Span `json:"spans"`
	Marks []Mark `json:"marks"`
}

// Span is one stay in the critical section. Times are in milliseconds from the fault.
type Span struct {
	Process int     `json:"process"` // counted from 1
	Buyer   int     `json:"buyer"`
	Token   uint64  `json:"token,string,omitempty"`
	From    float64 `json:"from_ms"`
	To      float64 `json:"to_ms"`
	// Struck: the fault has struck here. Died: the process died before it left.
	Struck bool `json:"struck,omitempty"`
	Died   bool `json:"died,omitempty"`
}

// Mark is something that happened at one moment.
type Mark struct {
	Kind    string  `json:"kind"` // "struck", "over", "refused"
	Process int     `json:"process,omitempty"`
	Token   uint64  `json:"token,string,omitempty"`
	At      float64 `json:"at_ms"`
}

// What a timeline keeps: enough to be read.
const (
	spansBefore = 6
	spansAfter  = 40
)

// recorder gathers a timeline: of the stays of those who want the same as whom the fault
// strikes. The others are not in each other's way.
type recorder struct {
	open   map[stay]keyed
	spans  []keyed
	marks  []Mark
	struck time.Time
	who    stay // whom the fault has struck
	key    int  // of what that one wants
	after  int  // spans that have begun since
}

// stay tells the stays apart that are under way.
type stay struct{ process, buyer int }

// keyed is a span and the key of what is wanted there.
type keyed struct {
	Span
	key int
}

func sinceStart(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

func (r *recorder) held(process, key int, m message) {
	if !r.struck.IsZero() {
		if key != r.key || r.after >= spansAfter {
			return
		}
		r.after++
	}
	if r.open == nil {
		r.open = make(map[stay]keyed)
	}
	span := Span{Process: process, Buyer: m.Buyer, Token: m.Token, From: sinceStart(m.At)}
	r.open[stay{process, m.Buyer}] = keyed{span, key}
}

func (r *recorder) left(process int, m message) {
	r.close(stay{process, m.Buyer}, m.At, false)
}

func (r *recorder) close(s stay, at time.Time, died bool) {
	span, ok := r.open[s]
	if !ok {
		return
	}
	delete(r.open, s)
	span.To, span.Died = sinceStart(at), died
	r.spans = append(r.spans, span)
	if r.struck.IsZero() {
		r.forget(span.key)
	}
}

// forget drops the oldest span of key when there are more than are of interest.
func (r *recorder) forget(key int) {
	first, n := -1, 0
	for i, s := range r.spans {
		if s.key != key {
			continue
		}
		if n++; first < 0 {
			first = i
		}
	}
	if n > spansBefore {
		r.spans = slices.Delete(r.spans, first, first+1)
	}
}

// died ends what a process that was killed had begun.
func (r *recorder) died(process int, at time.Time) {
	for s := range r.open {
		if s.process == process {
			r.close(s, at, true)
		}
	}
}

// strike notes the fault, and drops what others do who want something else.
func (r *recorder) strike(who stay, key int, at time.Time) {
	r.struck, r.who, r.key = at, who, key
	r.spans = slices.DeleteFunc(r.spans, func(s keyed) bool { return s.key != key })
	maps.DeleteFunc(r.open, func(_ stay, s keyed) bool { return s.key != key })
	r.mark("struck", who.process, 0, at)
}

func (r *recorder) mark(kind string, process int, token uint64, at time.Time) {
	r.marks = append(r.marks, Mark{Kind: kind, Process: process, Token: token, At: sinceStart(at)})
}

// isStruck reports whether the fault, at 0, has struck the stay. Where it is not known for
// whom that was, as with one who writes for many, the process is enough.
func (r *recorder) isStruck(s *Span) bool {
	return s.Process == r.who.process && (s.Buyer == r.who.buyer || r.who.buyer == 0) && s.From <= 0 && s.To >= 0
}

// timeline returns what was gathered, or nil without a fault that has struck.
func (r *recorder) timeline() *Timeline {
	if r.struck.IsZero() || len(r.spans) == 0 {
		return nil
	}
	zero := sinceStart(r.struck)
	t := &Timeline{}
	tokens := map[uint64]bool{0: true}
	for _, k := range r.spans {
		s := k.Span
		s.From, s.To = s.From-zero, s.To-zero
		s.Struck = r.isStruck(&s)
		tokens[s.Token] = true
		t.Spans = append(t.Spans, s)
	}
	for _, m := range r.marks {
		m.At -= zero
		if tokens[m.Token] { // one that was refused elsewhere is of another line
			t.Marks = append(t.Marks, m)
		}
	}
	return t
}
