package page

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/internal/lab"
)

// pausedRun is a pause in which another gets in, and whose late write is refused.
func pausedRun() *lab.Result {
	return &lab.Result{Strategy: "lock", Locks: "redis", Faults: lab.Pause, Timeline: &lab.Timeline{
		Spans: []lab.Span{
			{Process: 1, Buyer: 1, Token: 70, From: -4, To: 1010, Struck: true},
			{Process: 2, Buyer: 2, Token: 71, From: 800, To: 805},
			{Process: 2, Buyer: 3, Token: 72, From: 803, To: 809},
		},
		Marks: []lab.Mark{
			{Kind: "struck", Process: 1}, {Kind: "over", Process: 1, At: 1005}, {Kind: "refused", Process: 1, Token: 70, At: 1009},
		},
	}}
}

func TestStory(t *testing.T) {
	t.Parallel()
	c := newChart("t1", lab.Words{}.Filled(), pausedRun())
	want := "At 0: process 1 paused holding token #1. While it was still inside others got in, 2 times, the first of them " +
		"process 2 after 800 ms with token #2. After 1.00 s process 1 goes on. After 1.01 s token #1 is refused."
	if diff := cmp.Diff(want, c.Story); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
	killed := &lab.Result{Faults: lab.Kill, Timeline: &lab.Timeline{
		Spans: []lab.Span{{Process: 4, From: -1, To: 2, Struck: true, Died: true}},
		Marks: []lab.Mark{{Kind: "struck", Process: 4}},
	}}
	if c := newChart("t1", lab.Words{}.Filled(), killed); c.Story != "At 0: process 4 killed. Nobody got in after that." {
		t.Errorf("story %q", c.Story)
	}
}

// The stay that was struck is drawn before, during and after the fault, and two stays of
// a process at the same time stand under each other.
func TestTimelineBars(t *testing.T) {
	t.Parallel()
	c := newChart("t1", lab.Words{}.Filled(), pausedRun())
	var classes []string
	for _, b := range c.Bars {
		classes = append(classes, b.Class)
	}
	if diff := cmp.Diff([]string{"held", "stood", "late", "held", "held"}, classes); diff != "" {
		t.Errorf("bars (-want +got):\n%s", diff)
	}
	if len(c.Lanes) != 2 || c.Bars[4].Y != c.Bars[3].Y+barStep || len(c.Crosses) != 1 || len(c.Events) != 6 {
		t.Errorf("chart %+v", c)
	}
}

// An axis keeps the order of moments, stays inside the chart and cuts what is long.
func TestAxis(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		times := []float64{0}
		for range random.IntN(40) {
			times = append(times, random.NormFloat64()*float64(1+random.IntN(5000)))
		}
		a := newAxis(times)
		for _, s := range times {
			if x := a.at(s); x < 0 || x > 100.001 {
				t.Fatalf("%v is at %v of %v", s, x, times)
			}
			for _, u := range times {
				if s < u && a.at(s) > a.at(u) {
					t.Fatalf("%v is right of %v in %v", s, u, times)
				}
			}
		}
	}
	a := newAxis([]float64{-10, 0, 800, 900})
	if diff := cmp.Diff([]piece{{From: 0, To: 800, X: a.at(0), W: cutWidth, Cut: true}}, a.cuts()); diff != "" {
		t.Errorf("cuts (-want +got):\n%s", diff)
	}
}

// A log scale begins where the bars differ by more than logFrom, and says so.
func TestBarScale(t *testing.T) {
	t.Parallel()
	linear := barChart{Bars: []valueBar{{value: 1}, {value: 100}, {value: 0}}}
	linear.measure()
	if linear.Bars[0].Width != 1 || linear.Bars[1].Width != 100 || linear.Bars[2].Width != 0 || linear.Scale != "Linear scale from 0." {
		t.Errorf("linear: %+v", linear)
	}
	log := barChart{Bars: []valueBar{{value: 20}, {value: 10000}, {value: 0}}}
	log.measure()
	want := "Log scale: each line is ten times the one before it, and the bars begin at 10."
	if log.Bars[1].Width != 100 || log.Bars[0].Width < 5 || log.Bars[0].Width > 15 || log.Bars[2].Width != 0 || log.Scale != want {
		t.Errorf("log: %+v", log)
	}
}
