package memlock

import (
	"maps"
	"time"
)

// marks are the holder ids that were released before they arrived. Each is
// remembered for one TTL.
type marks struct {
	until map[string]time.Time
	sweep int // how many there may be before those that are over are swept out
}

func (m *marks) add(id string, until, now time.Time) {
	if m.until == nil {
		m.until = make(map[string]time.Time)
	}
	if len(m.until) >= m.sweep {
		maps.DeleteFunc(m.until, func(_ string, end time.Time) bool { return !now.Before(end) })
		m.sweep = 2*len(m.until) + 64 // so that sweeping costs a mark but little, whatever the TTLs
	}
	m.until[id] = until
}

func (m *marks) find(id string, now time.Time) bool {
	if len(m.until) == 0 {
		return false
	}
	until, ok := m.until[id]
	return ok && now.Before(until)
}
