package lab

import "time"

// Progress is how far a session is.
type Progress struct {
	Runs   []RunProgress // all that there are, in the order of the report
	Buyers int           // of each run
}

// RunProgress is how far a run is.
type RunProgress struct {
	Strategy string
	// Locks is the scheme of the lock server's URL, or "".
	Locks string
	Fault Fault
	// Turn is when the run has begun among all, counted from 1; 0 before.
	Turn int
	// Answers is how many buyers have heard something.
	Answers int
	// Result is nil before the end.
	Result *Result
}

// Label names the run for people.
func (r *RunProgress) Label() string {
	label := r.Strategy
	if r.Locks != "" {
		label += " on " + r.Locks
	}
	if r.Fault != None {
		label += ", " + string(r.Fault)
	}
	return label
}

// UnderWay reports whether the run has begun and not ended.
func (r *RunProgress) UnderWay() bool { return r.Turn > 0 && r.Result == nil }

// tellEvery is how often a session tells at most how far its runs are, apart from their
// begin and their end.
const tellEvery = 100 * time.Millisecond

// begin gives a run that begins its number.
func (s *Session) begin(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	r.progress.Turn = s.begun
	s.tell()
}

// tick notes how far a run is.
func (s *Session) tick(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onTick != nil {
		s.onTick(r)
	}
	r.progress.Answers = r.tally.answers()
	if time.Since(s.told) > tellEvery {
		s.tell()
	}
}

// end notes what has come of a run.
func (s *Session) end(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.err == nil {
		r.progress.Answers, r.progress.Result = r.tally.answers(), &r.result
	}
	s.tell()
}

// tell tells how far all are. It is called with mu held.
func (s *Session) tell() {
	if s.Progress == nil {
		return
	}
	s.told = time.Now()
	now := Progress{Buyers: s.Buyers}
	for _, r := range s.plan {
		now.Runs = append(now.Runs, r.progress)
	}
	s.Progress(now)
}
