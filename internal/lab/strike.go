package lab

import (
	"fmt"
	"time"
)

// strike is the fault of a run, once it has struck.
type strike struct {
	proc   *proc
	key    int // of what whom it has struck wants
	since  time.Time
	nudge  time.Time // when a paused process is let go for a moment
	loose  bool      // it is let go for that moment
	cut    bool      // the lock server is out of reach
	bought int       // orders of others for the same since then, once the lock has run out
	over   bool      // whom it has struck has been told to go on
	next   *proc     // where the one after is held up, or nil
	sales  int       // orders for the same since the next one is
}

// hit lets the fault strike a process that waits at the failpoint.
func (r *run) hit(ev event) error {
	p := ev.proc
	r.strike = &strike{proc: p, key: r.key(ev.Buyer), since: time.Now(), nudge: time.Now().Add(3 * r.job.TTL)}
	r.recorder.strike(stay{p.number, ev.Buyer}, r.strike.key, ev.At)
	switch r.setup.Fault {
	case Kill:
		p.killed = true
		return p.cmd.Process.Kill()
	case Pause:
		if err := pauseProcess(p.cmd.Process); err != nil {
			return fmt.Errorf("pause a worker: %w", err)
		}
	case Restart:
		if err := r.locks.Restart(); err != nil {
			return fmt.Errorf("restart the lock server: %w", err)
		}
	case Cut:
		r.strike.cut = true
		r.locks.Cut(true)
	}
	return nil
}

// heldUp lets whom the fault has struck go on: the next one is where it is wanted.
func (r *run) heldUp(next *proc) error {
	r.strike.next = next
	return r.goOn(time.Now())
}

// goOn ends the fault and tells whom it has struck to go on, once.
func (r *run) goOn(now time.Time) error {
	s := r.strike
	if s.over {
		return nil
	}
	s.over = true
	r.mend(s)
	r.recorder.mark("over", s.proc.number, 0, now)
	s.proc.tell(lineResume)
	if r.setup.Fault != Pause {
		return nil
	}
	return resumeProcess(s.proc.cmd.Process)
}

// sold counts an order, and lets the one after go on when a third has bought: the first
// order may be that of whom the fault has struck.
func (s *strike) sold() {
	if s.next == nil {
		return
	}
	if s.sales++; s.sales > 1 {
		s.letNext()
	}
}

// letNext lets the one after go on, if somebody is held up.
func (s *strike) letNext() {
	if s.next != nil {
		s.next.tell(linePass)
		s.next = nil
	}
}

// lift ends a fault when it has lasted longer than the TTL and the shop has gone on
// without whom it has struck: others have sold what it is about to sell, or have nothing left
// to do.
func (r *run) lift(now time.Time) error {
	s := r.strike
	if s != nil && s.over && now.Sub(s.since) > r.longest() {
		s.letNext() // there is no third
	}
	if s == nil || s.over || r.setup.Fault == Kill || now.Sub(s.since) < r.job.TTL+r.job.TTL/4 {
		return nil
	}
	r.mend(s)
	_, forNext := r.strategy.Then[r.setup.Fault] // who is held up ends the fault
	if s.bought > 0 && !forNext || r.othersIdle() || now.Sub(s.since) > r.longest() {
		return r.goOn(now)
	}
	if r.setup.Fault != Pause {
		return nil
	}
	return s.shake(now, 3*r.job.TTL)
}

// longest is how long a fault lasts while nobody sells: long enough to see that nobody
// does.
func (r *run) longest() time.Duration {
	longest := min(longestFault, r.job.Patience/2)
	if blocks := r.strategy.Blocks; blocks != nil && blocks(r.setup) {
		return min(2*r.job.TTL, longest)
	}
	return longest
}

// longestFault is how long a fault lasts at most: some TTLs of the slowest lock server.
const longestFault = 6 * time.Second

// mend lets everybody reach the lock server again. Orders count from now on: before,
// nobody could have got a lock.
func (r *run) mend(s *strike) {
	if s.cut {
		s.cut, s.bought = false, 0
		r.locks.Cut(false)
	}
}

// restore leaves the lock server as it was, whatever has ended the run.
func (r *run) restore() {
	if r.strike != nil {
		r.mend(r.strike)
	}
}

// shake lets a paused process go for a moment, every so often: it may have been
// stopped in the instant in which it wrote to the file of a SQLite lock, and then
// nobody else can. It stays where it is, at the failpoint.
func (s *strike) shake(now time.Time, every time.Duration) error {
	switch {
	case s.loose:
		s.loose = false
		return pauseProcess(s.proc.cmd.Process)
	case now.After(s.nudge):
		s.loose, s.nudge = true, now.Add(every)
		return resumeProcess(s.proc.cmd.Process)
	}
	return nil
}

// othersIdle reports whether nobody but the struck process has a buyer to serve.
func (r *run) othersIdle() bool {
	for _, p := range r.procs {
		if p != r.strike.proc && len(p.buyers) > 0 {
			return false
		}
	}
	return true
}
