package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A timeline shows those who want the same as whom the fault has struck: others get in
// under other locks, and their tokens are of other lines.
func TestTimelineOfOneKey(t *testing.T) {
	t.Parallel()
	zero := time.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	said := func(buyer int, token uint64, ms int) message { return message{Buyer: buyer, Token: token, At: at(ms)} }
	var r recorder
	for i := range 20 { // more than are kept, and of the other key
		r.held(1, 2, said(100+i, 0, i-40))
		r.left(1, said(100+i, 0, i-39))
	}
	r.held(1, 1, said(1, 11, -15))
	r.left(1, said(1, 11, -10))
	r.held(2, 2, said(2, 21, -9)) // of the same process as whom the fault strikes
	r.held(2, 1, said(3, 12, -8))
	r.strike(stay{2, 3}, 1, zero)
	r.left(2, said(2, 21, 5))
	r.held(3, 2, said(4, 22, 6))
	r.left(3, said(4, 22, 7))
	r.held(3, 1, said(5, 13, 8))
	r.left(3, said(5, 13, 9))
	r.mark("refused", 3, 22, at(10))
	r.mark("refused", 2, 12, at(11))
	r.left(2, said(3, 12, 12))
	want := &Timeline{
		Spans: []Span{
			{Process: 1, Buyer: 1, Token: 11, From: -15, To: -10},
			{Process: 3, Buyer: 5, Token: 13, From: 8, To: 9},
			{Process: 2, Buyer: 3, Token: 12, From: -8, To: 12, Struck: true},
		},
		Marks: []Mark{{Kind: "struck", Process: 2}, {Kind: "refused", Process: 2, Token: 12, At: 11}},
	}
	round := cmp.Transformer("round", func(ms float64) int { return int(ms + 1000.5) })
	if diff := cmp.Diff(want, r.timeline(), round); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Orders for something else do not end a fault.
func TestOrdersOfOtherKeys(t *testing.T) {
	t.Parallel()
	r := &run{session: &Session{Scenario: &Scenario{Key: func(_ Setup, buyer int) int { return buyer % 2 }}}}
	struck, other := &proc{}, &proc{}
	r.strike = &strike{proc: struck, key: 1, since: time.Now().Add(-time.Hour)}
	for _, tt := range []struct {
		proc  *proc
		buyer int
		want  int
	}{{other, 2, 0}, {struck, 3, 0}, {other, 5, 1}} {
		r.answer(event{proc: tt.proc, message: message{Kind: kindAnswer, Buyer: tt.buyer, Answer: Bought}})
		if r.strike.bought != tt.want {
			t.Errorf("after buyer %d: %d orders, want %d", tt.buyer, r.strike.bought, tt.want)
		}
	}
}
