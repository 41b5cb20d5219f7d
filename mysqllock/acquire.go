package mysqllock

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if err := c.check(ctx); err != nil {
		return driver.Lease{}, err
	}
	if req.Slots == 0 && req.Mode == driver.Exclusive && !c.busy.has(req.Name) {
		lease, err := c.acquireFree(ctx, &req)
		if err != nil || lease.Token != 0 {
			return lease, err
		}
	}
	lease, err := c.acquireSettled(ctx, &req)
	if !errors.Is(err, errInLine) {
		return lease, err
	}
	turn := c.watch.join(req.Holder)
	defer c.watch.leave(req.Holder)
	for {
		select {
		case <-turn:
		case <-ctx.Done():
			return driver.Lease{}, ctx.Err()
		case <-c.life.Done():
			return driver.Lease{}, driver.ErrClosed
		}
		lease, err := c.claim(ctx, &req)
		if err != nil || lease.Token != 0 {
			return lease, err
		}
		// A shared lease or a permit; or passed over after a pause; or the first lease in
		// the way has run out.
		if lease, err = c.acquireSettled(ctx, &req); !errors.Is(err, errInLine) {
			return lease, err
		}
	}
}

// errInLine: the request stands in line.
var errInLine = errors.New("in line")

// acquireSettled settles what req comes to: a lease, a place in line (errInLine), or a
// refusal.
func (c *conn) acquireSettled(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	var lease driver.Lease // not a result: it may be written to after the return
	copied := *req         // deciding may outlast this call
	err := c.settle(ctx, req.Name, req.Holder, func(s *state) (err error) {
		lease, err = s.acquire(&copied, c.client)
		return err
	})
	if err != nil {
		return driver.Lease{}, err
	}
	return lease, nil
}

// claim takes what was granted to req in line; when nothing was, or not an exclusive
// lease, it returns a lease without a token.
func (c *conn) claim(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	var lease driver.Lease // as above
	err := c.call(ctx, func(ctx context.Context) error {
		sent := time.Now()
		result, err := c.db.exec(ctx, "claim", []byte(req.Name), []byte(req.Holder))
		if err != nil {
			return err
		}
		if claimed, err := result.RowsAffected(); claimed == 0 {
			return err
		}
		token, err := result.LastInsertId()
		lease = leaseOf(req, token, driver.Trust(sent, req.TTL))
		return err
	})
	if err != nil {
		return driver.Lease{}, err
	}
	return lease, nil
}

func leaseOf(req *driver.Request, token int64, until time.Time) driver.Lease {
	return driver.Lease{Request: *req, Token: uint64(token), Until: until}
}

// outcome is what becomes of an operation in a batch.
type outcome struct {
	ctx  context.Context // of who wants it
	req  driver.Request
	err  error
	done chan struct{} // closed when the rest is set
}

func newOutcome(ctx context.Context, req *driver.Request) outcome {
	return outcome{ctx: ctx, req: *req, done: make(chan struct{})}
}

func (o *outcome) lockName() string { return o.req.Name }

// givenUp finishes o when nobody waits for it any more, and reports that.
func (o *outcome) givenUp() bool {
	err := o.ctx.Err()
	if err != nil {
		o.finish(err)
	}
	return err != nil
}

func (o *outcome) finish(err error) {
	o.err = err
	close(o.done)
}

// wait returns the error of o, or why nobody waits for it any more.
func (o *outcome) wait(c *conn) error {
	select {
	case <-o.done:
		return o.err
	case <-o.ctx.Done():
		return o.ctx.Err()
	case <-c.life.Done():
		return driver.ErrClosed
	}
}

// acquisition is an uncontended acquire.
type acquisition struct {
	outcome
	lease driver.Lease // without a token: it is not uncontended
}

// acquireFree grants req when nothing is in its way; otherwise it returns a lease without
// a token.
func (c *conn) acquireFree(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	a := &acquisition{outcome: newOutcome(ctx, req)}
	if err := c.acquires.add(a); err != nil {
		return driver.Lease{}, err
	}
	if err := a.wait(c); err != nil {
		return driver.Lease{}, err
	}
	return a.lease, nil
}

// free is when a name can be had without more ado.
const free = "until <= VALUES(since) AND line = 0 AND marked <= VALUES(since)"

// acquireRow are the values of a row; since is the third instant from the end.
const acquireRow = "(?, 1, " + nowMicros + ", ?, ?, ?, ?, ?, " + nowMicros + ", " + nowMicros + " + ?, 1, 0, 0, 0)"

// seen is a row of the lock table after acquire.sql.
type seen struct {
	holder  string
	token   int64
	left    int64
	claimed bool
}

func (c *conn) acquireBatch(ctx context.Context, batch []*acquisition) error {
	var args, names []any
	for _, a := range batch {
		r, ttl := &a.req, a.req.TTL.Microseconds()
		args = append(args, []byte(r.Name), []byte(r.Holder), []byte(c.client), ttl, []byte(r.Owner), []byte(r.Note), ttl)
		names = append(names, []byte(r.Name))
	}
	query := c.db.text("acquire", "{free}", free, "{rows}", list(len(batch), acquireRow), "{names}", list(len(batch), "?"))
	after := make(map[string]seen, len(batch))
	sent := time.Now()
	err := c.db.each(ctx, query, append(args, names...), func(rows *sql.Rows) error {
		var name string
		var s seen
		err := rows.Scan(&name, &s.holder, &s.token, &s.left, &s.claimed)
		after[name] = s
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range batch {
		if s := after[a.req.Name]; s.holder == a.req.Holder && s.claimed && s.left > 0 {
			a.lease = leaseOf(&a.req, s.token, driver.Trust(sent, time.Duration(s.left)*time.Microsecond))
		}
		a.finish(nil)
	}
	return nil
}

// pairs are the names and holder ids of a batch, as parameters and their lists. A holder
// id belongs to one name, so that the two lists together mean the pairs.
func pairs(reqs []*driver.Request) (args []any, lists []string) {
	for _, r := range reqs {
		args = append(args, []byte(r.Name))
	}
	for _, r := range reqs {
		args = append(args, []byte(r.Holder))
	}
	marks := list(len(reqs), "?")
	return args, []string{"{names}", marks, "{holders}", marks}
}

// pairKey stands for a name and a holder id.
func pairKey(name, holder string) string { return holder + "\x00" + name }
