package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// span returns the two events of an exclusive hold of "stock:42".
func span(hold string, process int, token uint64, from, to time.Duration) []Event {
	return []Event{
		{Kind: Acquired, Name: "stock:42", Hold: hold, Process: process, Token: token, Time: from},
		{Kind: Released, Name: "stock:42", Hold: hold, Process: process, Token: token, Time: to},
	}
}

// with changes what span returned.
func with(events []Event, change func(*Event)) []Event {
	for i := range events {
		change(&events[i])
	}
	return events
}

func shared(e *Event) { e.Shared = true }

func slots(n int) func(*Event) { return func(e *Event) { e.Slots = n } }

func asked(at time.Duration) func(*Event) {
	return func(e *Event) {
		if e.Kind == Acquired {
			e.Asked = at
		}
	}
}

func until(at time.Duration) func(*Event) {
	return func(e *Event) {
		if e.Kind == Acquired {
			e.Until = at
		}
	}
}

func join(parts ...[]Event) (all []Event) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events []Event
		want   []Rule
	}{
		{"nothing", nil, nil},
		{"one after the other", join(span("a", 1, 1, 10, 20), span("b", 2, 2, 20, 30)), nil},
		{"in another order in the file", join(span("b", 2, 2, 20, 30), span("a", 1, 1, 10, 20)), nil},
		{"two at once", join(span("a", 1, 1, 10, 20), span("b", 2, 2, 19, 30)), []Rule{Exclusion}},
		{"one within the other", join(span("a", 1, 1, 10, 90), span("b", 2, 2, 20, 30), span("c", 2, 3, 40, 50)), []Rule{Exclusion, Exclusion}},
		{"beside one that is never released", join(span("a", 1, 1, 10, 20)[:1], span("b", 2, 2, 90, 99)), []Rule{Exclusion}},
		{
			"different names",
			join(span("a", 1, 1, 10, 20), with(span("b", 2, 1, 15, 30), func(e *Event) { e.Name = "stock:43" })),
			nil,
		},

		{"readers together", join(with(span("a", 1, 1, 10, 30), shared), with(span("b", 2, 2, 20, 40), shared)), nil},
		{"a writer beside a reader", join(with(span("a", 1, 1, 10, 30), shared), span("b", 2, 2, 20, 40)), []Rule{Exclusion}},
		{"a reader beside a writer", join(span("a", 1, 1, 10, 30), with(span("b", 2, 2, 20, 40), shared)), []Rule{Exclusion}},
		{
			"a writer beside the last of two readers",
			join(with(span("a", 1, 1, 10, 90), shared), with(span("b", 2, 2, 20, 30), shared), span("c", 3, 3, 40, 50)),
			[]Rule{Exclusion},
		},

		{"two slots", join(with(span("a", 1, 1, 10, 30), slots(2)), with(span("b", 2, 2, 20, 40), slots(2))), nil},
		{
			"three holds of two slots",
			join(with(span("a", 1, 1, 10, 30), slots(2)), with(span("b", 2, 2, 20, 40), slots(2)), with(span("c", 3, 3, 25, 40), slots(2))),
			[]Rule{Permits},
		},
		{"other slots", join(with(span("a", 1, 1, 10, 30), slots(2)), with(span("b", 2, 2, 20, 40), slots(3))), []Rule{Permits}},
		{"a slot beside an exclusive hold", join(span("a", 1, 1, 10, 30), with(span("b", 2, 2, 20, 40), slots(2))), []Rule{Permits}},
		{"slots without tokens", join(with(span("a", 1, 0, 10, 30), slots(2)), with(span("b", 2, 0, 20, 40), slots(2))), nil},

		{"an equal token", join(span("a", 1, 1, 10, 20), span("b", 2, 1, 30, 40)), []Rule{Tokens}},
		{"a lower token", join(span("a", 1, 7, 10, 20), span("b", 2, 6, 30, 40)), []Rule{Tokens}},
		{"lower than one long before", join(span("a", 1, 7, 10, 20), span("b", 2, 8, 30, 40), span("c", 3, 7, 50, 60)), []Rule{Tokens}},
		{"no token", span("a", 1, 0, 10, 20), []Rule{Tokens}},
		{
			"readers whose replies came in another order",
			join(with(with(span("a", 1, 2, 10, 30), shared), asked(1)), with(with(span("b", 2, 1, 20, 40), shared), asked(2))),
			nil,
		},
		{
			"a reader that asked when a later token was out",
			join(with(with(span("a", 1, 2, 10, 30), shared), asked(1)), with(with(span("b", 2, 1, 20, 40), shared), asked(15))),
			[]Rule{Tokens},
		},
		{"a reader with the token of another", join(with(span("a", 1, 2, 10, 30), shared), with(span("b", 2, 2, 20, 40), shared)), []Rule{Tokens}},
		{"a writer lower than the reader before", join(with(span("a", 1, 7, 10, 20), shared), span("b", 2, 6, 30, 40)), []Rule{Tokens}},
		{"a reader lower than the writer before", join(span("a", 1, 7, 10, 20), with(span("b", 2, 6, 30, 40), shared)), []Rule{Tokens}},

		{"after the trust deadline", join(with(span("a", 1, 1, 10, 90), until(30)), span("b", 2, 2, 30, 40)), nil},
		{"before the trust deadline", join(with(span("a", 1, 1, 10, 20), until(30))[:1], span("b", 2, 2, 29, 40)), []Rule{Exclusion}},
		{
			"before a renewed trust deadline",
			join(with(span("a", 1, 1, 10, 90), until(30)), []Event{{Kind: Renewed, Name: "stock:42", Hold: "a", Time: 25, Until: 55}}, span("b", 2, 2, 50, 60)),
			[]Rule{Exclusion},
		},
		{
			"lost, and told late",
			join(span("a", 1, 1, 10, 90)[:1], []Event{{Kind: Lost, Name: "stock:42", Hold: "a", Time: 80, Until: 30}}, span("b", 2, 2, 40, 50)),
			nil,
		},
		{
			"after its process was killed",
			join(span("a", 1, 1, 10, 90)[:1], []Event{{Kind: Killed, Process: 1, Time: 30}}, span("b", 2, 2, 31, 40)),
			nil,
		},
		{
			"before its process was killed",
			join(span("a", 1, 1, 10, 90)[:1], []Event{{Kind: Killed, Process: 1, Time: 30}}, span("b", 2, 2, 29, 40)),
			[]Rule{Exclusion},
		},
		{
			"after another process was killed",
			join(span("a", 1, 1, 10, 90)[:1], []Event{{Kind: Killed, Process: 3, Time: 30}}, span("b", 2, 2, 31, 40)),
			[]Rule{Exclusion},
		},
		{
			"acquired in the moment of its death",
			join([]Event{{Kind: Killed, Process: 1, Time: 9}}, span("a", 1, 1, 10, 90)[:1], span("b", 2, 2, 20, 30)),
			nil,
		},
		{
			"after it was forced",
			join(span("a", 1, 1, 10, 90), []Event{{Kind: Forced, Name: "stock:42", Time: 30}}, span("b", 2, 2, 31, 40)),
			nil,
		},
		{
			"after another name was forced",
			join(span("a", 1, 1, 10, 90), []Event{{Kind: Forced, Name: "stock:43", Time: 30}}, span("b", 2, 2, 31, 40)),
			[]Rule{Exclusion},
		},

		{"released and never acquired", span("a", 1, 1, 10, 20)[1:], []Rule{Record}},
		{"acquired twice", join(span("a", 1, 1, 10, 20), span("a", 1, 2, 30, 40)), []Rule{Record}},
		{"an unknown event", []Event{{Kind: "stolen", Time: 1}}, []Rule{Record}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []Rule
			violations := Check(tt.events)
			for _, v := range violations {
				got = append(got, v.Rule)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("broken rules (-want +got):\n%s%v", diff, violations)
			}
		})
	}
}
