package pawl

import (
	"fmt"
	"time"
)

// InUse says what of the client's bookkeeping is in use, "" when nothing is.
func (c *Client) InUse() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lineups)+c.grants+c.tasks+len(c.keeper.heap)+len(c.keeper.sessions) == 0 {
		return ""
	}
	return fmt.Sprintf("%d lineups, %d grants, %d tasks, %d leases in care, %d sessions",
		len(c.lineups), c.grants, c.tasks, len(c.keeper.heap), len(c.keeper.sessions))
}

// ShiftWall sets the client's wall clock d ahead of the monotonic one.
func (c *Client) ShiftWall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = func() instant {
		now := clock()
		return instant{now.mono, now.wall.Add(d)}
	}
}

// Tasks returns how many calls and goroutines Close would wait for.
func (c *Client) Tasks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tasks
}
