package lab

import "time"

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

// recorder gathers a timeline.
type recorder struct {
	open   map[stay]Span
	spans  []Span
	marks  []Mark
	struck time.Time
	after  int // spans that have begun since
}

// stay tells the stays apart that are under way.
type stay struct{ process, buyer int }

func sinceStart(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

func (r *recorder) held(process int, m message) {
	if r.after >= spansAfter {
		return
	}
	if !r.struck.IsZero() {
		r.after++
	}
	if r.open == nil {
		r.open = make(map[stay]Span)
	}
	r.open[stay{process, m.Buyer}] = Span{Process: process, Buyer: m.Buyer, Token: m.Token, From: sinceStart(m.At)}
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
	if r.struck.IsZero() && len(r.spans) > spansBefore {
		r.spans = r.spans[1:]
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

// strike notes the fault.
func (r *recorder) strike(process int, at time.Time) {
	r.struck = at
	r.mark("struck", process, 0, at)
}

func (r *recorder) mark(kind string, process int, token uint64, at time.Time) {
	r.marks = append(r.marks, Mark{Kind: kind, Process: process, Token: token, At: sinceStart(at)})
}

// timeline returns what was gathered, or nil without a fault that has struck.
func (r *recorder) timeline() *Timeline {
	if r.struck.IsZero() || len(r.spans) == 0 {
		return nil
	}
	zero := sinceStart(r.struck)
	t := &Timeline{Spans: r.spans, Marks: r.marks}
	process := t.Marks[0].Process
	for i := range t.Spans {
		s := &t.Spans[i]
		s.From, s.To = s.From-zero, s.To-zero
		s.Struck = s.Process == process && s.From <= 0 && s.To >= 0
	}
	for i := range t.Marks {
		t.Marks[i].At -= zero
	}
	return t
}
