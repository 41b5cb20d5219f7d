package zklock

import (
	"sync"

	"github.com/go-zookeeper/zk"
)

// trail is what a session knows of a folder in which its own node was the only one, and
// by which its next node there need not be listed: the servers number the nodes of a
// folder as they are made, so that nobody came between when the next one has the next
// number. A folder that was deleted and made again counts anew, which a watch tells;
// what a watch has told is on this side before the answer to a later create.
type trail struct {
	link   uint64          // the connection by which all of this was seen
	seq    int32           // of our last node, which was alone and is deleted
	folder <-chan zk.Event // tells of the end of the folder; nil before somebody comes back
}

// trails are those of a session, by folder.
type trails struct {
	mu    sync.Mutex
	known map[string]trail
}

// mostTrails bounds them. A watch that one has set stays until its folder is gone.
const mostTrails = 4096

// take returns the trail in dir for one who comes there now, and for nobody else: were two
// nodes of one folder made in one transaction, their tokens would be the same.
func (t *trails) take(dir string) (trail, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.known[dir]
	delete(t.known, dir)
	return last, ok
}

// leave notes what the next one in dir may follow.
func (t *trails) leave(dir string, last trail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = make(map[string]trail)
	}
	for other := range t.known {
		if len(t.known) < mostTrails {
			break
		}
		delete(t.known, other) // whoever comes there lists, and leaves another one
	}
	t.known[dir] = last
}

// isFresh reports whether a trail may be followed: a watch is set, on the connection that
// there still is, and has told nothing.
func (s *session) isFresh(t trail) bool {
	return t.folder != nil && t.link == s.link.Load() && !happened(t.folder)
}
