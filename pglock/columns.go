package pglock

import "github.com/pawl-go/pawl/driver"

// columns are the requests of a batch, a field at a time, as unnest takes them.
type columns struct {
	names         [][]byte
	holders       []string
	modes         []int16
	slots         []int32
	ttls          []int64
	owners, notes [][]byte
}

func columnsOf(batch []*operation) *columns {
	n := len(batch)
	c := &columns{
		names: make([][]byte, 0, n), holders: make([]string, 0, n), modes: make([]int16, 0, n), slots: make([]int32, 0, n),
		ttls: make([]int64, 0, n), owners: make([][]byte, 0, n), notes: make([][]byte, 0, n),
	}
	for _, op := range batch {
		c.add(op.req)
	}
	return c
}

func (c *columns) add(req *driver.Request) {
	c.names = append(c.names, []byte(req.Name))
	c.holders = append(c.holders, req.Holder)
	c.modes = append(c.modes, int16(req.Mode))
	c.slots = append(c.slots, int32(req.Slots))
	c.ttls = append(c.ttls, req.TTL.Microseconds())
	c.owners = append(c.owners, []byte(req.Owner))
	c.notes = append(c.notes, []byte(req.Note))
}

// impatient returns the names and holder ids of those requests that do not wait.
func (c *columns) impatient(batch []*operation) (names [][]byte, holders []string) {
	for i, op := range batch {
		if op.req.NoWait {
			names, holders = append(names, c.names[i]), append(holders, c.holders[i])
		}
	}
	return names, holders
}
