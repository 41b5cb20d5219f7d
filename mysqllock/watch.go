package mysqllock

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Intervals between two looks by itself, for a waiter whose bell was not rung: nobody rang
// it, for want of the privilege or because the releaser died. They fit into the claim
// window, so that a grant is not missed.
const (
	lookNext   = claimWindow * 3 / 8  // the next in line
	lookOthers = claimWindow * 5 / 8  // the others
	lookAgain  = 5 * time.Millisecond // after what is over should be settled
	// settleLater is how much later than the next in line the others settle what has run
	// out: the next one may have died.
	settleLater = 20 * time.Millisecond
)

// watcher looks after all who wait in this client: it wakes those who are not in line any
// more, because they were granted or dropped, and those who should settle a lease that has
// run out. It looks in one statement for all of them.
type watcher struct {
	conn *conn
	kick chan struct{} // to look again at once

	mu      sync.Mutex
	turns   map[string]chan struct{} // by holder id
	running bool
}

func newWatcher(c *conn) *watcher {
	return &watcher{conn: c, kick: make(chan struct{}, 1), turns: make(map[string]chan struct{})}
}

// join returns a channel that says when holder, which stands in line, should look after
// itself. It may have been granted before it joined, so there is a look at once.
func (w *watcher) join(holder string) <-chan struct{} {
	turn := make(chan struct{}, 1)
	w.mu.Lock()
	w.turns[holder] = turn
	start := !w.running
	w.running = true
	w.mu.Unlock()
	if start {
		w.conn.background(w.run)
	}
	signal(w.kick)
	w.conn.bell.attend()
	return turn
}

func (w *watcher) leave(holder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.turns, holder)
}

// wake wakes one waiter.
func (w *watcher) wake(holder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if turn := w.turns[holder]; turn != nil {
		signal(turn)
	}
}

// signal puts a signal into a channel of one, if there is none yet.
func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// waiting returns who waits.
func (w *watcher) waiting() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	holders := make([]string, 0, len(w.turns))
	for holder := range w.turns {
		holders = append(holders, holder)
	}
	return holders
}

// goOn reports whether anybody waits, and otherwise ends the running.
func (w *watcher) goOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = len(w.turns) > 0
	return w.running
}

// run looks until nobody waits. A failure is left to the next look: places in line outlive
// a server that is restarted.
func (w *watcher) run() {
	refreshed := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.kick:
		case <-w.conn.life.Done():
			return
		}
		if !w.goOn() {
			return
		}
		if time.Since(refreshed) > placeTTL/3 && w.refresh() == nil {
			refreshed = time.Now()
		}
		timer.Reset(w.look())
	}
}

// refresh keeps those who wait here in line.
func (w *watcher) refresh() error {
	return w.conn.db.try(w.conn.life, func(ctx context.Context) error {
		_, err := w.conn.db.exec(ctx, "refresh", placeTTL.Microseconds(), []byte(w.conn.client))
		return err
	})
}

// look looks once, and returns how long to wait for the next look.
func (w *watcher) look() time.Duration {
	db := w.conn.db
	ctx, cancel := context.WithTimeout(w.conn.life, db.timeout)
	defer cancel()
	before := w.waiting()
	var s sight
	if db.each(ctx, db.texts["look"], []any{[]byte(w.conn.client)}, s.scan) != nil {
		return lookNext
	}
	w.act(before, &s)
	return s.wait()
}

// act wakes whom it concerns. Only those who waited before the look are expected in it.
func (w *watcher) act(before []string, s *sight) {
	for _, holder := range before {
		if left, stays := s.left[holder]; !stays || left <= 0 {
			w.wake(holder)
		}
	}
}

// sight is what a look has shown: the time for each waiter until it should settle.
type sight struct {
	left map[string]time.Duration
	next bool // one of them is next in line
}

// errCutShort: a ring came in the middle of a look. MariaDB then sends a row in which what
// it had not worked out is NULL, before it tells of the interruption.
var errCutShort = errors.New("a look was cut short")

func (s *sight) scan(rows *sql.Rows) error {
	var holder string
	var next sql.NullBool
	var micros sql.NullInt64
	if err := rows.Scan(&holder, &next, &micros); err != nil {
		return err
	}
	if !next.Valid || !micros.Valid {
		return errCutShort
	}
	left := time.Duration(micros.Int64) * time.Microsecond
	if !next.Bool {
		left += settleLater
	}
	if s.left == nil {
		s.left = make(map[string]time.Duration)
	}
	s.left[holder] = left
	s.next = s.next || next.Bool
	return nil
}

func (s *sight) wait() time.Duration {
	wait := lookOthers
	if s.next {
		wait = lookNext
	}
	for _, left := range s.left {
		wait = min(wait, max(left, lookAgain))
	}
	return wait
}
