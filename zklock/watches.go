package zklock

import (
	"sync"

	"github.com/go-zookeeper/zk"
)

// watches are those for nodes that somebody of this session waits for. Who comes to wait
// where a watch is already set shares it: go-zookeeper cannot take a watch back, so that
// a client that waits and gives up again and again would gather them.
type watches struct {
	mu      sync.Mutex
	pending map[string]watched
	sweep   int // at so many, those that have fired are taken out
}

const firstSweep = 64

// watched is a watch, and the connection by which it was set: go-zookeeper sets it again
// on the next one, but not before everything else.
type watched struct {
	link  uint64
	fired <-chan zk.Event
}

// watch returns what tells of a change to the node at path, or of its end. Of those
// who share it one gets the event, and the others find it closed. The call leaves no
// watch behind when there is no such node: zk.ErrNoNode.
func (s *session) watch(path string) (<-chan zk.Event, error) {
	w, link := &s.watches, s.link.Load()
	w.mu.Lock()
	last := w.pending[path]
	w.mu.Unlock()
	if last.fired != nil && last.link == link && !happened(last.fired) {
		return last.fired, nil
	}
	_, _, fired, err := s.conn.GetW(path)
	if err != nil {
		return nil, err
	}
	w.add(path, watched{link, fired})
	return fired, nil
}

func (w *watches) add(path string, set watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		w.pending, w.sweep = make(map[string]watched), firstSweep
	}
	w.pending[path] = set
	if len(w.pending) < w.sweep {
		return
	}
	for path, set := range w.pending {
		if happened(set.fired) {
			delete(w.pending, path)
		}
	}
	w.sweep = max(firstSweep, 2*len(w.pending))
}

// happened reports whether a watch has fired. It may take the event, but go-zookeeper
// closes the channel after it, so that nobody misses it.
func happened(fired <-chan zk.Event) bool {
	select {
	case <-fired:
		return true
	default:
		return false
	}
}
