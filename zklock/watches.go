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
	pending map[string]<-chan zk.Event
	sweep   int // at so many, those that have fired are taken out
}

const firstSweep = 64

// watch returns what is closed when the node at path changes or is deleted. The call
// leaves no watch behind when there is no such node: zk.ErrNoNode.
func (s *session) watch(path string) (<-chan zk.Event, error) {
	w := &s.watches
	w.mu.Lock()
	fired := w.pending[path]
	w.mu.Unlock()
	if fired != nil && !happened(fired) {
		return fired, nil
	}
	_, _, fired, err := s.conn.GetW(path)
	if err != nil {
		return nil, err
	}
	w.add(path, fired)
	return fired, nil
}

func (w *watches) add(path string, fired <-chan zk.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		w.pending, w.sweep = make(map[string]<-chan zk.Event), firstSweep
	}
	w.pending[path] = fired
	if len(w.pending) < w.sweep {
		return
	}
	for path, fired := range w.pending {
		if happened(fired) {
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
