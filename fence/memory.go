package fence

import (
	"context"
	"fmt"
	"sync"
)

// Memory is a Store in the memory of one process: it protects that process only, and
// a restart forgets. It keeps a few bytes for each resource for ever. The zero value
// is ready, and many goroutines may use it.
type Memory struct {
	mu     sync.Mutex
	tokens map[string]uint64
}

// Raise remembers token for resource. It never blocks.
//
// Errors: ErrStale, ErrNoToken, ErrInvalidToken.
func (m *Memory) Raise(_ context.Context, resource string, token uint64) error {
	if err := checkToken(token); err != nil {
		return fmt.Errorf("fence: resource %q: %w", resource, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored := m.tokens[resource]; token < stored {
		return fmt.Errorf("fence: resource %q: %w", resource, stale(token, stored))
	}
	if m.tokens == nil {
		m.tokens = make(map[string]uint64)
	}
	m.tokens[resource] = token
	return nil
}

// turns lets one at a time use each resource. The zero value is ready.
type turns struct {
	mu    sync.Mutex
	users map[string]*turn
}

type turn struct {
	users int           // those who have it or wait for it
	taken chan struct{} // holds one element while somebody has the turn
}

// take waits for the turn at resource until ctx ends, and returns what ends it.
func (t *turns) take(ctx context.Context, resource string) (done func(), err error) {
	u := t.join(resource)
	select {
	case u.taken <- struct{}{}:
		return func() { <-u.taken; t.leave(resource, u) }, nil
	case <-ctx.Done():
		t.leave(resource, u)
		return nil, ctx.Err()
	}
}

func (t *turns) join(resource string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[resource]
	if u == nil {
		u = &turn{taken: make(chan struct{}, 1)}
		if t.users == nil {
			t.users = make(map[string]*turn)
		}
		t.users[resource] = u
	}
	u.users++
	return u
}

func (t *turns) leave(resource string, u *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.users--; u.users == 0 {
		delete(t.users, resource)
	}
}
