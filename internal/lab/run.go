package lab

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// tick is how often a run looks whether anything is due.
const tick = 10 * time.Millisecond

// run is one strategy under one fault.
type run struct {
	session  *Session
	strategy Strategy
	locks    *LockServer // nil for a strategy without
	setup    Setup
	job      job        // what all workers have in common
	random   *rand.Rand // of this run alone, so that it is the same whatever else is run
	lane     *lane      // where it takes place
	progress RunProgress

	procs   []*proc
	running int // processes that have not exited
	waiting int // processes that are not ready yet, before the start
	events  chan event
	strike  *strike

	tally    tally
	recorder recorder
	alive    time.Time // the last time that anybody got an answer

	result Result
	err    error // why there is no result
}

// do runs it, and leaves no process behind.
func (r *run) do(ctx context.Context) error {
	r.events = make(chan event)
	defer r.sweep()
	defer r.restore()
	defer r.stop()
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("prepare the tables: %w", err)
	}
	for _, buyers := range r.shares() {
		if err := r.start(buyers, false); err != nil {
			return err
		}
	}
	r.waiting = r.running
	if err := r.loop(ctx); err != nil {
		return err
	}
	r.stop()
	r.restore()
	counts, err := r.session.Scenario.Count(ctx, r.lane.db, r.setup)
	if err != nil {
		return fmt.Errorf("count the rows: %w", err)
	}
	has, err := r.session.Scenario.readServed(ctx, r.lane.db)
	if err != nil {
		return fmt.Errorf("read who is served: %w", err)
	}
	counts.Doubled += has.doubled()
	r.tally.unbacked = has.missing(r.tally.yes)
	r.tally.unanswered = r.unanswered()
	r.tally.struck = r.strike != nil
	r.result = newResult(r.strategy, r.setup, counts, &r.tally)
	r.result.Note = r.result.note(r.session.Scenario.Words.Filled())
	r.result.Timeline = r.recorder.timeline()
	return nil
}

// prepare makes the tables anew.
func (r *run) prepare(ctx context.Context) error {
	if err := r.session.Scenario.Prepare(ctx, r.lane.db, r.setup); err != nil || r.strategy.Prepare == nil {
		return err
	}
	return r.strategy.Prepare(ctx, r.lane.db, r.setup)
}

// shares gives each process its buyers, in an order that depends on the seed.
func (r *run) shares() [][]int {
	shares := make([][]int, r.setup.Procs)
	for i, buyer := range r.random.Perm(r.setup.Buyers) {
		p := i % r.setup.Procs
		shares[p] = append(shares[p], buyer+1)
	}
	return shares
}

func (r *run) start(buyers []int, again bool) error {
	j := r.job
	j.Buyers, j.Again = buyers, again
	p, err := startProc(r.session.Worker, j, r.events)
	if err != nil {
		return err
	}
	r.procs = append(r.procs, p)
	p.number = len(r.procs)
	r.running++
	return nil
}

// loop ends when all processes have, or when nobody has got an answer for so long that
// none will come.
func (r *run) loop(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	r.alive = time.Now()
	for r.running > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ev := <-r.events:
			if err := r.handle(ev); err != nil {
				return err
			}
		case now := <-ticker.C:
			if err := r.lift(now); err != nil {
				return err
			}
			if now.Sub(r.alive) > 2*r.job.Patience {
				return nil
			}
			r.session.tick(r)
		}
	}
	return nil
}

func (r *run) handle(ev event) error {
	if ev.exit {
		return r.exited(ev)
	}
	switch ev.Kind {
	case kindReady:
		r.ready(ev.proc)
	case kindAt:
		return r.hit(ev)
	case kindNext:
		return r.heldUp(ev.proc)
	case kindHeld:
		r.recorder.held(ev.proc.number, r.key(ev.Buyer), ev.message)
	case kindLeft:
		r.recorder.left(ev.proc.number, ev.message)
	case kindRefused:
		r.tally.refused++
		r.recorder.mark("refused", ev.proc.number, ev.Token, ev.At)
	case kindWrote:
		r.tally.lastWrote = time.Now()
	case kindFailed:
		return fmt.Errorf("a worker cannot work: %s", ev.Text)
	case kindAnswer:
		r.answer(ev)
	}
	return nil
}

// ready lets all processes begin at once. One that comes later, for one that was
// killed, begins at once by itself.
func (r *run) ready(p *proc) {
	if r.waiting == 0 {
		p.tell(lineGo)
		return
	}
	if r.waiting--; r.waiting > 0 {
		return
	}
	r.alive = time.Now()
	r.tally.begin = r.alive
	for _, p := range r.procs {
		p.tell(lineGo)
	}
}

func (r *run) answer(ev event) {
	ev.proc.answered(ev.Buyer)
	r.tally.add(ev.message)
	if ev.Answer != stuck {
		r.alive = time.Now()
	}
	s := r.strike
	if s == nil || ev.Answer != Bought || r.key(ev.Buyer) != s.key {
		return
	}
	// Who had bought before the lock ran out is told so a little later.
	if ev.proc != s.proc && time.Since(s.since) > r.job.TTL {
		s.bought++
	}
	s.sold()
}

// key returns what a buyer wants, as a number: those of one key are in each other's way.
func (r *run) key(buyer int) int {
	if key := r.session.Scenario.Key; key != nil && !r.strategy.OneLock {
		return key(r.setup, buyer)
	}
	return 0
}

// exited replaces a process that the fault has killed: its buyers try again there, and what
// it has left to do for others is done.
func (r *run) exited(ev event) error {
	ev.proc.exited = true
	_ = ev.proc.in.Close()
	r.running--
	if ev.proc.killed {
		// It did nothing any more after the kill, however late its end is seen here.
		r.recorder.died(ev.proc.number, r.strike.since)
	}
	switch {
	case ev.proc.killed:
		buyers := ev.proc.buyers
		ev.proc.buyers = nil
		return r.start(buyers, true)
	case !ev.proc.killed && ev.err != nil:
		return fmt.Errorf("a worker ended with %w: %s", ev.err, ev.proc.complaint())
	}
	return nil
}

// stop kills what still runs and waits for its end.
func (r *run) stop() {
	for _, p := range r.procs {
		if !p.exited {
			_ = p.cmd.Process.Kill()
		}
	}
	for r.running > 0 {
		if ev := <-r.events; ev.exit {
			ev.proc.exited = true
			_ = ev.proc.in.Close()
			r.running--
		}
	}
}

// unanswered counts the buyers who have heard nothing.
func (r *run) unanswered() int {
	n := 0
	for _, p := range r.procs {
		n += len(p.buyers)
	}
	return n
}

// tally is what the workers said.
type tally struct {
	begin      time.Time
	bought     []time.Duration // how long each took
	yes        []int           // who they are
	unbacked   int             // those of them who do not have it
	lastYes    time.Time       // the last time that a buyer was told yes
	lastWrote  time.Time       // and that orders were written behind their answers, or zero
	soldOut    int             // or were told that they have enough
	gaveUp     int
	failed     int
	firstError string
	stuck      int
	unanswered int
	discarded  int
	retries    int
	refused    int // stale writes
	struck     bool
}

func (t *tally) add(m message) {
	t.retries += int(m.Retries)
	switch m.Answer {
	case Bought:
		t.bought, t.yes = append(t.bought, m.Took), append(t.yes, m.Buyer)
		t.lastYes = time.Now()
	case SoldOut, OverLimit:
		t.soldOut++
	case GaveUp:
		t.gaveUp++
	case Discarded:
		t.discarded++
	case stuck:
		t.stuck++
	default:
		t.failed++
		if t.firstError == "" {
			t.firstError = m.Text
		}
	}
}

// answers counts the buyers who have heard something.
func (t *tally) answers() int {
	return len(t.bought) + t.soldOut + t.gaveUp + t.discarded + t.failed + t.stuck
}

// percentile returns the smallest of the times that a part p of them does not
// exceed, in milliseconds: the nearest rank.
func percentile(times []time.Duration, p float64) float64 {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(p * float64(len(sorted)))) // counted from 1
	return float64(sorted[rank-1].Microseconds()) / 1000
}
