package lab

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// SideBySide is how many runs with a fault are of use at once, where there are
// databases for so many. They mostly wait: for the end of a TTL, of a pause, of
// somebody's patience. Six keep a machine of two cores three quarters busy; with more, the
// processes of some runs would keep the locks of others from being renewed in time.
const SideBySide = 6

// lane is where runs take place, one after another. Each lane has a database of its own,
// since all runs make the same tables.
type lane struct {
	url string
	db  *DB
	// locks is the URL of a lock file of its own, in a session that was given no lock
	// server, or "".
	locks string
}

// openLanes opens a lane for each database of the session, or as many as are of use on
// new files.
func (s *Session) openLanes(ctx context.Context) error {
	for i, rawURL := range s.databases() {
		db, err := OpenDB(ctx, rawURL, 2)
		if err != nil {
			return err
		}
		l := &lane{url: rawURL, db: db}
		if s.ownLocks {
			l.locks = s.file("locks", i)
		}
		s.lanes = append(s.lanes, l)
	}
	return nil
}

func (s *Session) databases() []string {
	if s.DB != "" {
		return append([]string{s.DB}, s.MoreDBs...)
	}
	var files []string
	for i := range cmp.Or(s.Lanes, SideBySide) {
		files = append(files, s.file("shop", i))
	}
	return files
}

// file returns the URL of a new SQLite file of the session.
func (s *Session) file(name string, i int) string {
	return fileURL(filepath.Join(s.dir, fmt.Sprintf("%s%d.db", name, i+1)))
}

func (s *Session) closeLanes() {
	for _, l := range s.lanes {
		_ = l.db.Close() // everything was read
	}
}

// runPlan does all runs: first those without a fault, whose throughput counts, each of them
// alone; then the others side by side, those first that want a lock server for themselves.
func (s *Session) runPlan(ctx context.Context) error {
	var quiet, struck, alone []*run
	for _, r := range s.plan {
		switch {
		case r.setup.Fault == None:
			quiet = append(quiet, r)
		case r.alone():
			alone = append(alone, r)
		default:
			struck = append(struck, r)
		}
	}
	if err := s.runOn(ctx, s.lanes[:1], quiet); err != nil {
		return err
	}
	return s.runOn(ctx, s.lanes, append(alone, struck...))
}

// alone reports whether nobody else may use the run's lock server meanwhile: its fault
// strikes the server, or somebody who may have stopped in the middle of a write to the
// file of SQLite that all share.
func (r *run) alone() bool {
	return r.setup.Fault.onServer() || r.setup.Fault == Pause && r.setup.Locks == "sqlite" && !r.session.ownLocks
}

// runOn does runs on lanes. After an error it begins no further one and ends those that
// are under way.
func (s *Session) runOn(ctx context.Context, lanes []*lane, runs []*run) error {
	together, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &turns{free: slices.Clone(lanes), pending: slices.Clone(runs)}
	ended := make(chan *run)
	var failed error
	for {
		for r := t.next(); r != nil; r = t.next() {
			s.begin(r)
			go func() { r.err = r.do(together); ended <- r }()
		}
		switch {
		case len(t.underWay) > 0:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return failed
		}
		r := <-ended
		t.over(r)
		s.end(r)
		if r.err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", r.progress.Label(), r.err)
			t.pending = nil
			cancel()
		}
	}
}

// turns says whose turn it is.
type turns struct {
	free              []*lane
	pending, underWay []*run
}

// next gives a free lane to the first run that can go beside those that are under way, and
// returns the run, or nil.
func (t *turns) next() *run {
	i := slices.IndexFunc(t.pending, t.fits)
	if i < 0 || len(t.free) == 0 {
		return nil
	}
	r := t.pending[i]
	r.enter(t.free[0])
	t.free, t.pending, t.underWay = t.free[1:], slices.Delete(t.pending, i, i+1), append(t.underWay, r)
	return r
}

// fits reports whether nobody is at the lock server of r who would be in its way.
func (t *turns) fits(r *run) bool {
	return !slices.ContainsFunc(t.underWay, func(other *run) bool {
		return r.locks != nil && r.locks == other.locks && (r.alone() || other.alone())
	})
}

func (t *turns) over(r *run) {
	t.underWay = slices.DeleteFunc(t.underWay, func(other *run) bool { return other == r })
	t.free = append(t.free, r.lane)
}

// enter gives the run its lane.
func (r *run) enter(l *lane) {
	r.lane = l
	r.job.DB = l.url
	if r.locks != nil && l.locks != "" {
		r.job.Locks = l.locks
	}
}
