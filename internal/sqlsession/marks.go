package sqlsession

import "time"

// marks are the holder ids that were released before they were granted: an Acquire
// of one that is late gains nothing.
type marks struct {
	until map[string]time.Time
	sweep int // how many there may be before those that are over are removed
}

func (m *marks) add(holder string, ttl time.Duration) {
	now := time.Now()
	if m.until == nil {
		m.until, m.sweep = make(map[string]time.Time), 64
	}
	if len(m.until) >= m.sweep {
		for holder, until := range m.until {
			if now.After(until) {
				delete(m.until, holder)
			}
		}
		m.sweep = max(64, 2*len(m.until))
	}
	m.until[holder] = now.Add(ttl)
}

func (m *marks) has(holder string) bool {
	until, ok := m.until[holder]
	return ok && time.Now().Before(until)
}
