package sqlitelock

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Intervals between two looks at the file. The next in line looks often; one with n
// before it looks n+1 times less often, since it cannot be its turn so soon. When
// nothing happens for long, a look that comes a hundredth of that time late is soon
// enough. A look costs an otherwise idle process about 0.1 ms of CPU time, so the
// longest interval decides what a long line costs; it has to fit into the claim
// window some times.
const (
	shortestLook = time.Millisecond
	longestNext  = 4 * time.Millisecond
	longestLook  = claimWindow * 3 / 8
)

// watcher looks at the file for all who wait in this process, in one goroutine that
// runs while there are any. It wakes those who were granted, those whose place in
// line is gone, and one for each name whose first lease in the way has run out, to
// settle who is next.
type watcher struct {
	conn   *conn
	closed chan struct{}
	wake   chan struct{} // to look again at once

	mu      sync.Mutex
	turns   map[string]chan struct{} // by holder id
	running bool
	done    sync.WaitGroup
}

func newWatcher(c *conn) *watcher {
	return &watcher{
		conn:   c,
		closed: make(chan struct{}),
		wake:   make(chan struct{}, 1),
		turns:  make(map[string]chan struct{}),
	}
}

// join returns a channel that says when req, which stands in line, should look after
// itself.
func (w *watcher) join(req *driver.Request) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	turn := make(chan struct{}, 1)
	w.turns[req.Holder] = turn
	if !w.running && !w.isClosed() {
		w.running = true
		w.done.Add(1)
		go w.run()
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return turn
}

func (w *watcher) leave(req *driver.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.turns, req.Holder)
}

func (w *watcher) close() {
	w.mu.Lock()
	if !w.isClosed() {
		close(w.closed)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *watcher) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// run looks until nobody waits.
func (w *watcher) run() {
	defer w.done.Done()
	sight := sight{refreshed: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.wake:
			sight.stale = true
		case <-w.closed:
			return
		}
		if !w.goOn() {
			return
		}
		timer.Reset(w.look(&sight, time.Now()))
	}
}

// goOn reports whether anybody waits, and otherwise ends the running.
func (w *watcher) goOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = len(w.turns) > 0
	return w.running
}

// sight is what the last look at the file has shown.
type sight struct {
	version   int64
	stale     bool      // look closer even if the version is the same
	changed   time.Time // when the version last changed
	place     int       // the least number of others before one who waits here
	settle    time.Time // when the first lease in somebody's way will have run out; zero: never
	refreshed time.Time // when the places in line were last refreshed
}

// look looks at the file and returns how long to wait for the next look. A failure
// is left to the next look; those who wait have their own calls to fail.
func (w *watcher) look(s *sight, start time.Time) time.Duration {
	if start.Sub(s.refreshed) > w.conn.placeTTL/3 && w.refresh() == nil {
		s.refreshed = start
	}
	version := s.version
	_ = w.conn.db.read(noContext, func(session *session) error {
		return session.query("PRAGMA data_version").Scan(&version)
	})
	if version != s.version {
		s.version, s.stale, s.changed = version, true, start
	}
	if s.stale || !s.settle.IsZero() && !start.Before(s.settle) {
		s.stale = w.lookCloser(s) != nil
	}
	wait := min(max(start.Sub(s.changed)/100, shortestLook), longestNext) * time.Duration(s.place+1)
	wait = min(max(wait, 10*time.Since(start)), longestLook) // about a tenth of a core at most
	if !s.settle.IsZero() {
		wait = min(wait, max(time.Until(s.settle), shortestLook))
	}
	return wait*3/4 + rand.N(wait/2)
}

// refresh keeps those who wait here in line.
func (w *watcher) refresh() error {
	ctx, cancel := context.WithTimeout(noContext, w.conn.placeTTL/3)
	defer cancel()
	return w.conn.db.write(ctx, false, func(time.Time) error {
		_, err := w.conn.db.exec("refresh", w.conn.client, w.conn.placeTTL.Microseconds())
		return err
	})
}

// sighting is a row of look.sql.
type sighting struct {
	holder, name string
	place        int // others before it in line, or -1 when it was granted
	left         time.Duration
}

// lookCloser reads what those who wait here have come to, and wakes whom it
// concerns.
func (w *watcher) lookCloser(s *sight) error {
	now := time.Now()
	seen, err := w.sightings()
	if err != nil {
		return err
	}
	s.place, s.settle = -1, time.Time{}
	places := make(map[string]int, len(seen))
	for _, row := range seen {
		// The first in line settles at once; the others leave it the time to.
		due := now.Add(row.left + time.Duration(row.place)*2*time.Millisecond)
		switch {
		case row.place < 0:
			continue
		case !now.Before(due):
			due = now.Add(longestLook)
		default:
			places[row.holder] = row.place
		}
		if s.settle.IsZero() || due.Before(s.settle) {
			s.settle = due
		}
		if s.place < 0 || row.place < s.place {
			s.place = row.place
		}
	}
	s.place = max(s.place, 0)
	w.wakeAllBut(places)
	return nil
}

func (w *watcher) sightings() (seen []sighting, err error) {
	err = w.conn.db.read(noContext, func(session *session) error {
		seen = nil
		rows, err := session.rows("look", w.conn.client)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var row sighting
			var name []byte
			var left int64
			if err := rows.Scan(&row.holder, &name, &row.place, &left); err != nil {
				return err
			}
			row.name, row.left = string(name), time.Duration(left)*time.Microsecond
			seen = append(seen, row)
		}
		return rows.Err()
	})
	return seen, err
}

// wakeAllBut wakes everybody who need not stay in line as they are.
func (w *watcher) wakeAllBut(staying map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for holder, turn := range w.turns {
		if _, stays := staying[holder]; stays {
			continue
		}
		select {
		case turn <- struct{}{}:
		default:
		}
	}
}
