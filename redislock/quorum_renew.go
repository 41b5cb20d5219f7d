package redislock

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Renew extends the leases on the nodes that hold them, maxBatch of them in one round
// trip. A lease is renewed when a majority has extended it. It is lost when a majority
// says that it does not hold it, or was told to break it; otherwise nobody knows yet.
//
// Nodes on which a lease is missing, because they were away when it was granted or have
// lost their data, are taken again afterwards, and only when the lease was renewed by
// those that held it already. If a renewal could also take nodes that are free, and
// count them, a holder that comes back after its lease has run out would find all nodes
// free and revive it, although somebody else may have held the lock and given it back
// in between: it would go on with a token that is lower than that one's. Taken after
// a renewal, a node joins a majority that holds at that moment; and even a request
// that is delayed until that majority has run out takes a node or two and never
// makes a majority, since the others answer "gone".
func (c *quorum) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	var all []*renewal
	for rest := leases; len(rest) > 0; {
		n := min(len(rest), maxBatch)
		all = append(all, c.renew(rest[:n]))
		rest = rest[n:]
	}
	outcomes := make([]driver.Renewal, 0, len(leases))
	for _, r := range all {
		err := r.wait(ctx, r.decided)
		for i := range r.leases {
			outcomes = append(outcomes, r.outcome(i, err))
		}
		// In the background: an Unlock may wait for this renewal, and nothing for the
		// nodes that are missing.
		c.after(r.heal)
	}
	return outcomes
}

// A renewal is a round that renews some leases.
type renewal struct {
	*round
	leases []driver.Lease
}

func (c *quorum) renew(leases []driver.Lease) *renewal {
	q := question{n: len(leases)}
	for i := range leases {
		q.keys = append(q.keys, c.keys(leases[i].Name)...)
		q.args = append(q.args, "renew", leases[i].Holder, leases[i].TTL.Microseconds())
	}
	return &renewal{round: c.ask(q), leases: leases}
}

// decided reports whether the outcome is known for each lease.
func (r *renewal) decided() bool {
	for i := range r.leases {
		if r.says("renewed", i) < r.c.majority && r.gone(i) < r.c.majority {
			return false
		}
	}
	return true
}

// gone returns how many nodes will not extend lease i any more.
func (r *renewal) gone(i int) int { return r.says("gone", i) + r.says("broken", i) }

// outcome returns what became of lease i, where err ended the waiting.
func (r *renewal) outcome(i int, err error) driver.Renewal {
	until := driver.Trust(r.sent, r.leases[i].TTL)
	switch {
	case r.says("renewed", i) >= r.c.majority && time.Now().Before(until):
		return driver.Renewal{Until: until}
	case r.gone(i) >= r.c.majority:
		return driver.Renewal{Err: fmt.Errorf("%s: %w", r.why(i), driver.ErrLost)}
	case err != nil:
		return driver.Renewal{Err: err}
	case r.says("young", i) > 0:
		return driver.Renewal{Err: fmt.Errorf("nodes that were restarted do not count yet: %w", driver.ErrUnavailable)}
	}
	return driver.Renewal{Err: r.failure()}
}

func (r *renewal) why(i int) string {
	if r.says("broken", i) > 0 {
		return "broken"
	}
	return "expired or freed"
}

// heal takes the nodes again on which renewed leases are missing. It is sent after
// the answers of all nodes are there, or those that are not there hang.
//
// A lease that was released meanwhile has left its mark on the nodes that did not hold
// it, so that this gains nothing there.
func (r *renewal) heal() {
	if r.wait(r.c.life, r.all) != nil {
		return
	}
	for i := range r.leases {
		lease := &r.leases[i]
		if r.says("renewed", i) >= r.c.majority && r.says("gone", i) > 0 && time.Now().Before(driver.Trust(r.sent, lease.TTL)) {
			r.take(i, lease)
		}
	}
}

// take asks the nodes on which lease i is gone for it. Nobody waits for the answers: the
// next renewal shows what came of it.
func (r *renewal) take(i int, lease *driver.Lease) {
	gone := make([]bool, len(r.tasks))
	for _, t := range r.done {
		gone[t.node] = t.err == nil && t.answers[i][0] == "gone"
	}
	keys := r.c.keys(lease.Name)
	r.c.ask(question{
		keys: append(append([]string(nil), keys...), keys...), n: 2,
		args: []any{
			"acquire", lease.Holder, fmt.Sprint(r.c.attempts.Add(1)), lease.TTL.Microseconds(), packDetails(&lease.Request), "0",
			"confirm", lease.Holder, lease.Token,
		},
		skip: func(node int) bool { return !gone[node] },
	})
}
