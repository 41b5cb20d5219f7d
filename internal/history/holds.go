package history

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A hold is one holding of one lock, from the grant to its end.
type hold struct {
	Event               // with which it began
	end   time.Duration // never, when it is still open at the end of the history
	until time.Duration // the last trust deadline, or never
}

const never = time.Duration(math.MaxInt64)

// finish ends h at t, or at its trust deadline when that was before: from then on
// the holder did not believe in it any more.
func (h *hold) finish(t time.Duration) {
	h.end = max(h.Time, min(t, h.until))
}

func (h *hold) trust(until time.Duration) {
	if until != 0 {
		h.until = until
	}
}

func (h *hold) String() string {
	mode := "exclusive"
	switch {
	case h.Slots > 0:
		mode = fmt.Sprintf("one of %d slots", h.Slots)
	case h.Shared:
		mode = "shared"
	}
	end := "open"
	if h.end != never {
		end = h.end.String()
	}
	return fmt.Sprintf("%s of process %d (%s, token %d, asked %v, held %v to %s)", h.Hold, h.Process, mode, h.Token, h.Asked, h.Time, end)
}

// holdsOf returns the holds of every name in the order in which they began, and what is
// wrong with the record itself.
func holdsOf(events []Event) (map[string][]*hold, []Violation) {
	events = slices.Clone(events)
	slices.SortStableFunc(events, byTime)
	names := make(map[string][]*hold)
	open := make(map[string]*hold)
	seen := make(map[string]bool)
	var wrong []Violation
	for _, e := range events {
		switch e.Kind {
		case Acquired:
			if seen[e.Hold] {
				wrong = append(wrong, Violation{Record, e.Name, fmt.Sprintf("%s began twice", e.Hold)})
				continue
			}
			h := &hold{Event: e, end: never, until: never}
			h.trust(e.Until)
			seen[e.Hold], open[e.Hold] = true, h
			names[e.Name] = append(names[e.Name], h)
		case Renewed, Released, Lost:
			h := open[e.Hold]
			if h == nil {
				if !seen[e.Hold] || e.Kind == Renewed {
					wrong = append(wrong, Violation{Record, e.Name, fmt.Sprintf("%s was %s and not held", e.Hold, e.Kind)})
				}
				continue // ended already when it was forced or its process killed
			}
			h.trust(e.Until)
			if e.Kind != Renewed {
				h.finish(e.Time)
				delete(open, e.Hold)
			}
		case Killed, Forced:
			for id, h := range open {
				if e.Kind == Killed && h.Process == e.Process || e.Kind == Forced && h.Name == e.Name {
					h.finish(e.Time)
					delete(open, id)
				}
			}
		default:
			wrong = append(wrong, Violation{Record, e.Name, fmt.Sprintf("unknown event %q", e.Kind)})
		}
	}
	closeAfterKill(events, open)
	for _, h := range open {
		h.finish(never)
	}
	return names, wrong
}

// closeAfterKill ends what a process acquired in the moment between the note that
// it is going to be killed and its death.
func closeAfterKill(events []Event, open map[string]*hold) {
	for _, e := range events {
		if e.Kind != Killed {
			continue
		}
		for id, h := range open {
			if h.Process == e.Process {
				h.finish(h.Time)
				delete(open, id)
			}
		}
	}
}
