package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Rule is a rule that a history can break.
type Rule string

const (
	// Exclusion: an exclusive hold has nothing beside it, shared ones only shared ones.
	Exclusion Rule = "exclusion"
	// Permits: no more holds at once than there are slots, all with the same number
	// of slots.
	Permits Rule = "permits"
	// Tokens: a hold's token is larger than that of every hold that was certainly
	// granted before it, and no two are equal.
	Tokens Rule = "tokens"
	// Record: the history itself makes no sense.
	Record Rule = "record"
)

// Violation is one thing that must not have happened.
type Violation struct {
	Rule Rule
	Name string // the lock
	Text string // which holds, for people
}

// Error returns the violation in one line.
func (v Violation) Error() string { return fmt.Sprintf("%s of %q: %s", v.Rule, v.Name, v.Text) }

// Check returns what is wrong with a history, in no matter which order its events
// are; nothing when it is right.
//
// A hold lasts from Acquired to the first of: Released, Lost, its last known trust
// deadline, Forced of its name, Killed of its process. A killed process counts as
// holding nothing from then on, because it does no more harm: whether its lease
// kept others out until it ran out, as most backends do, is not judged here.
// A hold that nothing ends lasts for ever.
func Check(events []Event) []Violation {
	names, wrong := holdsOf(events)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		holds := names[name]
		wrong = append(wrong, checkOverlap(holds)...)
		wrong = append(wrong, checkTokens(holds)...)
	}
	return wrong
}

// checkOverlap walks through holds, which are in the order in which they began,
// and compares each with those that are not over.
func checkOverlap(holds []*hold) (wrong []Violation) {
	var active []*hold
	for _, h := range holds {
		active = slices.DeleteFunc(active, func(other *hold) bool { return other.end <= h.Time })
		if v, bad := conflict(h, active); bad {
			wrong = append(wrong, v)
		}
		if h.end > h.Time {
			active = append(active, h)
		}
	}
	return wrong
}

func conflict(h *hold, active []*hold) (Violation, bool) {
	for _, other := range active {
		text := fmt.Sprintf("%v began beside %v", h, other)
		switch {
		case h.Slots != other.Slots:
			return Violation{Permits, h.Name, text}, true
		case h.Slots == 0 && (!h.Shared || !other.Shared):
			return Violation{Exclusion, h.Name, text}, true
		}
	}
	if h.Slots > 0 && len(active) >= h.Slots {
		return Violation{Permits, h.Name, fmt.Sprintf("%v began beside %d others", h, len(active))}, true
	}
	return Violation{}, false
}

// checkTokens compares each hold's token with the largest one of those that were
// certainly granted before: because it was asked for only after they had begun, or
// because it excludes them and they ended before it began.
func checkTokens(holds []*hold) (wrong []Violation) {
	began := largest(holds, func(h *hold) time.Duration { return h.Time })
	ended := largest(holds, func(h *hold) time.Duration { return h.end })
	endedExclusive := largest(exclusive(holds), func(h *hold) time.Duration { return h.end })
	same := make(map[uint64]*hold)
	for _, h := range holds {
		if h.Token == 0 {
			if h.Slots == 0 {
				wrong = append(wrong, Violation{Tokens, h.Name, fmt.Sprintf("%v has none", h)})
			}
			continue
		}
		before := []*hold{began.by(h.Asked), endedExclusive.by(h.Time)}
		if !h.Shared && h.Slots == 0 {
			before = append(before, ended.by(h.Time))
		}
		before = append(before, same[h.Token])
		for _, other := range before {
			if other != nil && other != h && other.Token >= h.Token {
				wrong = append(wrong, Violation{Tokens, h.Name, fmt.Sprintf("%v was granted after %v", h, other)})
				break
			}
		}
		same[h.Token] = h
	}
	return wrong
}

func exclusive(holds []*hold) (found []*hold) {
	for _, h := range holds {
		if !h.Shared && h.Slots == 0 {
			found = append(found, h)
		}
	}
	return found
}

// tops answers which hold has the largest token of those up to some time.
type tops []top

type top struct {
	time time.Duration
	hold *hold // the largest up to time
}

func largest(holds []*hold, at func(*hold) time.Duration) tops {
	list := make(tops, len(holds))
	for i, h := range holds {
		list[i] = top{at(h), h}
	}
	slices.SortStableFunc(list, func(a, b top) int { return cmp.Compare(a.time, b.time) })
	for i := 1; i < len(list); i++ {
		if before := list[i-1].hold; before.Token > list[i].hold.Token {
			list[i].hold = before
		}
	}
	return list
}

// by returns the hold with the largest token of those before t, or nil.
func (l tops) by(t time.Duration) *hold {
	if t == 0 {
		return nil
	}
	i, _ := slices.BinarySearchFunc(l, t, func(entry top, t time.Duration) int {
		if entry.time < t {
			return -1
		}
		return 1
	})
	if i == 0 {
		return nil
	}
	return l[i-1].hold
}
