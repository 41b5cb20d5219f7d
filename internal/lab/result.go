package lab

import "fmt"

// Result is one run: what the rows show, what the buyers were told, and what theory
// expects. Its JSON is the lab's own output.
type Result struct {
	Strategy string `json:"strategy"`
	// Locks is the scheme of the lock server's URL, or empty.
	Locks  string `json:"locks,omitempty"`
	Faults Fault  `json:"faults"`
	// Struck: the fault found somebody at its failpoint.
	Struck bool `json:"struck"`
	Stock  int  `json:"stock"`
	Buyers int  `json:"buyers"`
	// Sold is the number of orders, Left what the stock says is left, which may be
	// under 0.
	Sold int `json:"sold"`
	Left int `json:"left"`
	// Oversold is the number of orders beyond the stock.
	Oversold int `json:"oversold"`
	// Lost is the number of updates of the stock that were overwritten: by how much
	// stock, left and orders do not add up.
	Lost int `json:"lost"`
	// Doubled is how much is there more often than it should be.
	Doubled int `json:"doubled"`
	// Stuck is the number of buyers who got no answer in time.
	Stuck int `json:"stuck"`
	// Unbacked is the number of buyers who were told that they have bought and have no
	// order.
	Unbacked int `json:"unbacked"`
	// Unsold is what is left though buyers were sent away without being told that it
	// is sold out.
	Unsold int `json:"unsold"`
	// GaveUp and Failed are the numbers of buyers who were told to try later, and who
	// got an error; FirstError is the first of these.
	GaveUp     int    `json:"gave_up"`
	Failed     int    `json:"failed"`
	FirstError string `json:"first_error,omitempty"`
	// Discarded is the number of buyers who were told that somebody else does it already.
	Discarded int `json:"discarded,omitempty"`
	// Retries is how often work was undone for the sake of others and tried again.
	Retries int `json:"retries,omitempty"`
	// Refused is the number of stale writes that the database refused by their token.
	Refused int `json:"stale_writes_refused"`

	Seconds float64 `json:"seconds"` // from the start to the last order in the database
	// OrdersPerSecond are those that are in the database, in Seconds.
	OrdersPerSecond float64 `json:"orders_per_second"`
	// AcceptedPerSecond are those whose buyers had their answer, until the last of them had,
	// where the database gets the orders later; 0 with other strategies.
	AcceptedPerSecond float64 `json:"accepted_per_second,omitempty"`
	// P50 and P99 are how long buyers who bought had waited, in milliseconds.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`

	// Expected and Verdict are Safe or Broken, the outcomes say how.
	Expected        Verdict `json:"expected"`
	Verdict         Verdict `json:"verdict"`
	ExpectedOutcome Outcome `json:"expected_outcome"`
	Outcome         Outcome `json:"outcome"`
	// MayHold: theory promises nothing, and the expected break need not show.
	MayHold bool   `json:"may_hold,omitempty"`
	Why     string `json:"why"`
	Note    string `json:"note,omitempty"` // what is unusual about this run
	// Timeline is who was in the critical section around the fault; nil without one.
	Timeline *Timeline `json:"timeline,omitempty"`
}

func newResult(strategy Strategy, setup Setup, counts Counts, t *tally) Result {
	r := Result{
		Strategy:   strategy.Name,
		Locks:      setup.Locks,
		Faults:     setup.Fault,
		Struck:     t.struck,
		Stock:      setup.Stock,
		Buyers:     setup.Buyers,
		Sold:       counts.Sold,
		Left:       counts.Left,
		Oversold:   counts.Oversold,
		Lost:       counts.Drift,
		Doubled:    counts.Doubled,
		Stuck:      t.stuck + t.unanswered,
		Unbacked:   t.unbacked,
		GaveUp:     t.gaveUp,
		Failed:     t.failed,
		FirstError: t.firstError,
		Discarded:  t.discarded,
		Retries:    t.retries,
		Refused:    t.refused,
		P50:        percentile(t.bought, 0.50),
		P99:        percentile(t.bought, 0.99),
		Why:        strategy.Why,
	}
	if t.gaveUp+t.failed > 0 {
		r.Unsold = max(0, counts.Left)
	}
	r.rates(t)
	r.Outcome, r.ExpectedOutcome = r.outcome(), strategy.Expect(setup)
	r.Verdict, r.Expected = r.Outcome.verdict(), r.ExpectedOutcome.verdict()
	r.MayHold = strategy.Needs == PawlLocks && setup.Fault == Restart && !setup.forgets()
	return r
}

// rates fills in how many orders there were in a second.
func (r *Result) rates(t *tally) {
	if len(t.bought) == 0 {
		return
	}
	end := t.lastYes
	if t.lastWrote.After(end) {
		end = t.lastWrote
	}
	r.Seconds = end.Sub(t.begin).Seconds()
	r.OrdersPerSecond = float64(r.Sold) / r.Seconds
	if !t.lastWrote.IsZero() {
		r.AcceptedPerSecond = float64(len(t.bought)) / t.lastYes.Sub(t.begin).Seconds()
	}
}

// outcome returns the worst of what the rows and the answers show.
func (r *Result) outcome() Outcome {
	switch {
	case r.Oversold > 0 || r.Left < 0:
		return Oversells
	case r.Doubled > 0:
		return Duplicates
	case r.Lost > 0 || r.Unbacked > 0:
		return LosesUpdates
	case r.Stuck > 0 || r.Failed > 0 || r.Sold == 0 && r.GaveUp > 0:
		return Stuck
	}
	return Holds
}

// Contradicts reports whether the run broke what theory says is safe.
func (r *Result) Contradicts() bool { return r.Expected == Safe && r.Verdict == Broken }

// NotShown reports whether the run held although theory says that it breaks: a race
// need not be lost each time.
func (r *Result) NotShown() bool { return r.Expected == Broken && r.Verdict == Safe && !r.MayHold }

// note says what the figures alone do not, in the scenario's words.
func (r *Result) note(words Words) string {
	switch {
	case r.Contradicts():
		return "theory says safe, the rows say broken: a bug in this strategy, or in what it stands on"
	case r.Faults != None && !r.Struck:
		return fmt.Sprintf("nobody reached the failpoint, so there was no %s", r.Faults)
	case r.NotShown():
		return "the break that theory expects did not show in this run"
	case r.Unbacked > 0:
		return fmt.Sprintf("told yes, and there is no %s: %d", words.Done, r.Unbacked)
	case r.Failed > 0:
		return fmt.Sprintf("%d %ss got an error, such as: %s", r.Failed, words.Who, r.FirstError)
	case r.MayHold && r.Verdict == Safe:
		return "the server keeps its locks, and was back before this one had run out; that is luck"
	case r.Unsold > 0:
		return fmt.Sprintf("%d left although %d %ss gave up", r.Unsold, r.GaveUp, words.Who)
	case r.Refused > 0:
		return fmt.Sprintf("stale writes refused by their token: %d", r.Refused)
	case r.GaveUp > 0:
		return fmt.Sprintf("%d gave up after %d retries of all", r.GaveUp, r.Retries)
	case r.Discarded > 0:
		return fmt.Sprintf("discarded because somebody else was at it: %d", r.Discarded)
	case r.AcceptedPerSecond > 0 && r.Faults == None:
		return fmt.Sprintf("%.0f %ss per second were told yes; the column counts what is written, until the last %s is",
			r.AcceptedPerSecond, words.Who, words.Done)
	case r.Retries > 0:
		return fmt.Sprintf("undone for the sake of others and tried again: %d", r.Retries)
	}
	return ""
}
