package zklock

import (
	"errors"
	"time"

	"github.com/go-zookeeper/zk"
)

// maxSeen bounds what is remembered of names that others used.
const maxSeen = 1024

// sawHeld notes that somebody else has held name, or stood in its line.
func (d *ensemble) sawHeld(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= maxSeen {
		clear(d.seen) // it costs two writes for each, once more
	}
	d.seen[name] = time.Now()
}

// isSeenHeld reports whether it is likely that name is held by somebody else.
func (d *ensemble) isSeenHeld(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.seen[name]
	return ok && time.Since(at) < d.timeout
}

// peek looks, before a request that does not wait, who is in line where somebody was a
// while ago: to come into the line and to leave it again are two writes, and looking is
// none. nil means that it is worth to try.
func (e *entry) peek(s *session) error {
	dir := e.d.dir(e.req.Name)
	if e.req.Slots > 0 {
		return e.peekSlots(s, dir)
	}
	line, children, err := e.fresh(s, dir)
	if err != nil {
		return err
	}
	own := parse(e.d.opts.Recipe.markOf(e.req.Mode) + "0000000000") // as if it stood behind them
	if blocker(append(line, own), len(line)) < 0 {
		return nil
	}
	if err := e.admissible(s, dir, children); err != nil {
		return err
	}
	return s.heldError(e.ctx, dir, line[0])
}

func (e *entry) peekSlots(s *session, dir string) error {
	line, _, err := e.fresh(s, dir+"/"+leasesFolder)
	if err != nil || len(line) < e.req.Slots {
		return err
	}
	if err := e.admissibleSlot(s, dir, nil); err != nil {
		return err
	}
	return s.heldError(e.ctx, dir+"/"+leasesFolder, line[0])
}

// fresh lists a line as it is now.
func (e *entry) fresh(s *session, dir string) (line []contender, children []string, err error) {
	err = s.retry(e.ctx, func() (err error) {
		children, err = s.fresh(dir)
		return err
	})
	if errors.Is(err, zk.ErrNoNode) {
		return nil, nil, nil
	}
	return lineOf(children), children, s.d.explain(err, dir)
}
