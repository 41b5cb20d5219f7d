package redislock

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// errLong says that the short script has left a lock to the long one.
var errLong = errors.New("not for the short script")

// isShort reports whether the short script may be enough for req, both to acquire and
// to release it.
func (c *conn) isShort(req *driver.Request) bool {
	return req.NoWait && req.Mode == driver.Exclusive && req.Slots == 0 && c.replication.replicas == 0
}

// askShort asks for a lease by the short script. The error is errLong when that one has
// done nothing.
func (c *conn) askShort(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	op := &operation{key: c.lockKey(req.Name), packed: pack(true, req.TTL.Microseconds(), req.Holder, packDetails(req))}
	sent := time.Now()
	err := c.short.do(ctx, op)
	switch {
	case err != nil:
		return driver.Lease{}, err
	case op.number > 0:
		return driver.Lease{Request: *req, Token: uint64(op.number), Until: driver.Trust(sent, req.TTL)}, nil
	case len(op.answer) == 3:
		return driver.Lease{}, heldBy(op.answer)
	}
	return driver.Lease{}, errLong
}
