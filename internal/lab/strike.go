package lab

import (
	"fmt"
	"time"
)

// strike is the fault of a run, once it has struck.
type strike struct {
	proc   *proc
	since  time.Time // the pause
	nudge  time.Time // when a paused process is let go for a moment
	loose  bool      // it is let go for that moment
	bought int       // orders of the others since then
	over   bool
}

// hit lets the fault strike p, which waits at the failpoint.
func (r *run) hit(p *proc) error {
	r.strike = &strike{proc: p, since: time.Now(), nudge: time.Now().Add(3 * r.job.TTL)}
	if r.setup.Fault == Kill {
		p.killed = true
		return p.cmd.Process.Kill()
	}
	if err := pauseProcess(p.cmd.Process); err != nil {
		return fmt.Errorf("pause a worker: %w", err)
	}
	return nil
}

// lift ends a pause when it is past the TTL and the shop has gone on without the
// paused process: somebody else has sold a piece, or has nothing left to do.
func (r *run) lift(now time.Time) error {
	s := r.strike
	if s == nil || s.over || r.setup.Fault != Pause || now.Sub(s.since) < r.job.TTL+r.job.TTL/4 {
		return nil
	}
	if s.bought > 0 || r.othersIdle() || now.Sub(s.since) > r.job.Patience/2 {
		s.over = true
		s.proc.tell(lineResume)
		return resumeProcess(s.proc.cmd.Process)
	}
	return s.shake(now, 3*r.job.TTL)
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
