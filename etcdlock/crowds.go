package etcdlock

import "sync"

// mostCrowds bounds how many names crowds remembers: some 100 kB.
const mostCrowds = 1000

// crowds are the names whose last request has met others. It is a hint: who is wrong about
// it needs one more transaction, or a larger one.
type crowds struct {
	mu    sync.Mutex
	names map[string]bool
}

func (c *crowds) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[name]
}

func (c *crowds) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) >= mostCrowds {
		clear(c.names)
	}
	c.names[name] = true
}

func (c *crowds) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.names, name)
}
