package redislock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// number gives the lease its token, after a majority has voted for it.
//
// Each node tells with its vote the last token that it has accepted, and its clock. The
// new token is above all of those, and is written to the nodes. A node accepts it when
//
//	(1) the lease holds that node now, and
//	(2) the token is above every one that this node has accepted before.
//
// The lease counts when a majority has accepted. Then no two leases of a name get the
// same token, and later ones get higher ones:
//
//   - Two majorities have a node in common. It has accepted both tokens, one after the
//     other, so by (2) they differ, and the one that it has accepted later is higher.
//     What was read with the votes is not needed for that; it only makes a number that
//     will be accepted.
//   - The node has accepted them in the order in which the leases were held. Suppose
//     that it accepts B's token before A's, although A was held first. By (1) B holds
//     the node at that moment and A does later, so B's lease of that node has ended in
//     between: by its release, or at its TTL, which is after the end of B's trust. A
//     is granted only after A's token was accepted, and so A was not held first.
//
// The clock is the floor for tokens of nodes that have lost their data, and of other
// backends. A token that was written to a minority and given up is only a gap.
//
// A lease that is asked for again keeps its token: a node tells it with its vote, and
// accepts it again.
func (v *vote) number(ctx context.Context) (uint64, error) {
	var own, last, clock int64
	for _, t := range v.done {
		if t.err != nil || t.answers[0][0] != "granted" {
			continue
		}
		answer := t.answers[0]
		own, last, clock = max(own, number(answer[1])), max(last, number(answer[2])), max(clock, number(answer[3]))
	}
	if own > 0 {
		if _, err := v.confirm(ctx, own); !errors.Is(err, errRefused) {
			return uint64(own), err
		}
	}
	token := max(last+1, clock)
	refusedBy, err := v.confirm(ctx, token)
	if errors.Is(err, errRefused) && refusedBy >= token {
		// Somebody else's attempt, which has failed by now, has written a higher one.
		token = max(refusedBy+1, token)
		_, err = v.confirm(ctx, token)
	}
	return uint64(token), err
}

var errRefused = fmt.Errorf("the majority was lost again: %w", driver.ErrHeld)

// confirm writes token to a majority. When too many nodes refuse it, it returns the
// highest token that they have accepted.
func (v *vote) confirm(ctx context.Context, token int64) (last int64, err error) {
	failed := make([]bool, len(v.tasks))
	for _, t := range v.done {
		failed[t.node] = t.err != nil || t.answers[0][0] != "granted"
	}
	r := v.c.ask(question{keys: v.keys, args: []any{"confirm", v.req.Holder, token}, n: 1,
		skip: func(node int) bool { return failed[node] || v.untouched[node] }})
	err = r.wait(ctx, func() bool {
		return r.says("written", 0) >= v.c.majority || r.says("refused", 0) > len(v.c.nodes)-v.c.majority
	})
	r.takeBack()
	if err != nil {
		return 0, err
	}
	if r.says("written", 0) >= v.c.majority {
		return token, nil
	}
	for _, t := range r.done {
		if t.err == nil && t.answers[0][0] == "refused" {
			last = max(last, number(t.answers[0][1]))
		}
	}
	if v.c.life.Err() != nil {
		return 0, driver.ErrClosed
	}
	if r.says("refused", 0) > 0 && time.Now().Before(driver.Trust(v.sent, v.req.TTL)) {
		return last, errRefused
	}
	return 0, fmt.Errorf("the token was not written: %w", r.failure())
}
