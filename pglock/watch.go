package pglock

import (
	"context"
	"crypto/rand"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// How often the next in line looks by itself, in case it was not told; one with n before
// it looks n+1 times less often. When nobody can be told, looks are all there is.
const (
	lookListening = claimWindow * 3 / 5
	lookDeaf      = 40 * time.Millisecond
)

// settleLater is how much later than the one before it somebody in line settles what has run
// out: the one before may have died with the holder.
const settleLater = 20 * time.Millisecond

// afterClaim is when an unclaimed grant has run out.
const afterClaim = claimWindow + time.Millisecond

// watcher looks after those who wait in this process, in one goroutine: it looks for all
// of them in one statement, and keeps all their places with another.
type watcher struct {
	table   *table
	channel string // on which this client is told
	ear     ear

	poked chan struct{}
	done  sync.WaitGroup

	mu      sync.Mutex
	running bool
	closed  bool
	places  map[string]*place    // by holder id
	settles map[string]time.Time // by name: when a grant of ours may have run out unclaimed
	refresh time.Time            // when the places have to be kept
}

// place is one who waits.
type place struct {
	turn chan bool // true: granted; false: look after yourself
	due  time.Time // of the next look; zero while it asks by itself
}

func newWatcher(t *table) *watcher {
	w := &watcher{
		table: t, channel: "pawl_" + strings.ToLower(rand.Text()), poked: make(chan struct{}, 1),
		places: make(map[string]*place), settles: make(map[string]time.Time),
	}
	w.ear.watcher = w
	return w
}

// join returns where req, which is about to stand in line, is told to look after itself.
func (w *watcher) join(req *driver.Request) <-chan bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.places) == 0 {
		w.refresh = time.Now().Add(placeTTL / 3)
	}
	p := &place{turn: make(chan bool, 1)}
	w.places[req.Holder] = p
	if w.start() {
		w.ear.open()
	}
	return p.turn
}

func (w *watcher) leave(req *driver.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.places, req.Holder)
}

// expect has req looked after, which stands in line with so many before it and the first
// lease in the way running out after expiry.
func (w *watcher) expect(req *driver.Request, before int, expiry time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[req.Holder]; p != nil {
		p.due = time.Now().Add(w.nextLook(before, turnToSettle(before, expiry)))
	}
	w.poke()
}

// settleAfterClaim has the names looked at when the claim window of what was granted now
// is over: who has not claimed it was stopped, and the next in line would not know. One
// look serves all grants of a claim window.
func (w *watcher) settleAfterClaim(names map[string]bool) {
	if len(names) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range names {
		w.settles[name] = time.Now().Add(afterClaim)
	}
	w.start()
	w.poke()
}

// turnToSettle returns the time until one with so many before it settles what has run out,
// when the first lease in its way runs out after expiry.
func turnToSettle(before int, expiry time.Duration) time.Duration {
	return expiry + time.Duration(before)*settleLater
}

// nextLook returns when one with so many before it looks again: when it is its turn to
// settle, and now and then.
func (w *watcher) nextLook(before int, turn time.Duration) time.Duration {
	look := lookListening
	if !w.ear.hears.Load() {
		look = lookDeaf
	}
	wait := look*time.Duration(before+1)*3/4 + mathrand.N(look/2)
	return max(min(wait, turn+time.Millisecond, placeTTL/3), time.Millisecond)
}

// told wakes the one who was granted, or all where that is not known.
func (w *watcher) told(holder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[holder]; p != nil {
		p.wake(true)
	}
}

// lookNow has everybody looked after at once: what came before was not heard.
func (w *watcher) lookNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.places {
		if !p.due.IsZero() {
			p.due = time.Now()
		}
	}
	w.poke()
}

func (p *place) wake(granted bool) {
	p.due = time.Time{}
	select {
	case p.turn <- granted:
	default:
	}
}

func (w *watcher) poke() {
	select {
	case w.poked <- struct{}{}:
	default:
	}
}

// start starts the goroutine, which ends when there is nobody to look after. It reports
// whether the driver is still open.
func (w *watcher) start() bool {
	if !w.running && !w.closed {
		w.running = true
		w.done.Go(w.run)
	}
	return !w.closed
}

func (w *watcher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.poked:
		case <-w.table.ctx.Done():
			return
		}
		w.work(time.Now())
		wait, ok := w.next()
		if !ok {
			return
		}
		timer.Reset(wait)
	}
}

// next returns the time until there is something to do, or false when nothing is left.
func (w *watcher) next() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.places) == 0 && len(w.settles) == 0 {
		w.running = false
		return 0, false
	}
	first := w.refresh
	if len(w.places) == 0 {
		first = time.Now().Add(time.Hour)
	}
	for _, p := range w.places {
		if !p.due.IsZero() && p.due.Before(first) {
			first = p.due
		}
	}
	for _, at := range w.settles {
		if at.Before(first) {
			first = at
		}
	}
	return time.Until(first), true
}

// work does what is due. What fails is done again a little later: those who wait have
// calls of their own to fail.
func (w *watcher) work(now time.Time) {
	t := w.table
	ctx, cancel := context.WithTimeout(t.ctx, t.timeout)
	defer cancel()
	refresh, look, settle := w.due(now)
	if len(refresh) > 0 {
		if _, err := t.pool.run(ctx, t.sql.step("refresh", w.channel, placeTTL.Microseconds(), refresh)); err != nil {
			w.mu.Lock()
			w.refresh = now.Add(placeTTL / 20)
			w.mu.Unlock()
		}
	}
	if look {
		w.look(ctx)
	}
	for names := range slices.Chunk(settle, maxBatch) {
		w.settle(ctx, names)
	}
}

// due returns what is to be done now, and notes when it has to be done next: whose places
// to keep, whether to look, and which names to settle.
func (w *watcher) due(now time.Time) (refresh []string, look bool, settle []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !now.Before(w.refresh) {
		w.refresh = now.Add(placeTTL / 3)
		refresh = slices.Collect(maps.Keys(w.places))
	}
	for _, p := range w.places {
		if !p.due.IsZero() && !now.Before(p.due) {
			look = true
			p.due = now.Add(claimWindow) // should the look fail
		}
	}
	for name, at := range w.settles {
		if !now.Before(at) {
			settle = append(settle, name)
			delete(w.settles, name)
		}
	}
	slices.Sort(settle)
	return refresh, look, settle
}

// lookRow is a row of look.sql.
type lookRow struct {
	Holder string
	Before int
	Expiry int64
}

// look wakes those who were granted, whose place is gone, or whose turn it is to settle a
// lease in their way that has run out.
func (w *watcher) look(ctx context.Context) {
	var rows []lookRow
	if _, err := w.table.pool.run(ctx, w.table.sql.reading("look", collect(&rows), w.channel)); err != nil {
		return
	}
	seen := make(map[string]*lookRow, len(rows))
	for i := range rows {
		seen[rows[i].Holder] = &rows[i]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for holder, p := range w.places {
		row := seen[holder]
		switch {
		case p.due.IsZero():
			// It asks by itself.
		case row == nil:
			p.wake(false)
		case row.Before < 0:
			p.wake(true)
		default:
			turn := turnToSettle(row.Before, micros(row.Expiry))
			if turn <= 0 {
				p.wake(false)
				continue
			}
			p.due = time.Now().Add(w.nextLook(row.Before, max(turn, lookDeaf/4)))
		}
	}
}

// settle passes on what was granted and not claimed.
func (w *watcher) settle(ctx context.Context, names []string) {
	t := w.table
	var expired []nameRow
	if _, err := t.pool.run(ctx, t.sql.reading("expired", collect(&expired), bytesOf(names))); err != nil || len(expired) == 0 {
		return // waiters look by themselves too
	}
	all := make([][]byte, len(expired))
	for i, row := range expired {
		all[i] = row.Name
	}
	if _, passed, err := t.settle(ctx, all, nobody, nil); err == nil {
		w.settleAfterClaim(passed)
	}
}

func bytesOf(names []string) [][]byte {
	all := make([][]byte, len(names))
	for i, name := range names {
		all[i] = []byte(name)
	}
	return all
}

func (w *watcher) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.done.Wait()
}
