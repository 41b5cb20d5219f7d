package redislock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// A vote is one attempt to get a majority. Attempts have numbers, so that giving one
// back cannot take what the next one has got, whichever arrives first.
type vote struct {
	*round
	req       *driver.Request
	keys      []string
	attempt   string
	untouched []bool // by node: nothing was sent there after all
	err       error
}

// vote asks all nodes for their votes, and waits until this holder or another one has a
// majority, or nobody can. Nodes that have not answered by then, and hang, are not asked any more; what
// others grant late is part of the lease, and is given back with it.
func (c *quorum) vote(ctx context.Context, req *driver.Request) *vote {
	v := &vote{req: req, keys: c.keys(req.Name), attempt: fmt.Sprint(c.attempts.Add(1))}
	waits := "1"
	if req.NoWait {
		waits = "0"
	}
	v.round = c.ask(question{keys: v.keys, n: 1,
		args: []any{"acquire", req.Holder, v.attempt, req.TTL.Microseconds(), packDetails(req), waits}})
	v.err = v.wait(ctx, func() bool {
		return v.says("granted", 0) >= c.majority || v.most() >= c.majority || v.says("marked", 0) > 0
	})
	v.untouched = v.takeBack()
	return v
}

// outcome returns nil when a majority was granted.
func (v *vote) outcome() error {
	if err := v.c.sameServer(); err != nil {
		return err
	}
	granted, held, young := v.says("granted", 0), v.says("held", 0), v.says("young", 0)
	switch {
	case v.says("marked", 0) > 0:
		return fmt.Errorf("released before it arrived, or broken: %w", driver.ErrLost)
	case granted >= v.c.majority:
		return nil
	case held > 0 && granted+held >= v.c.majority:
		return v.held()
	case young > 0 && granted+held+young >= v.c.majority:
		return v.young(young)
	}
	return fmt.Errorf("%d of %d nodes answer: %w", v.answers(), len(v.c.nodes), v.failure())
}

// sameServer refuses two nodes that are one server: its vote would count twice.
func (c *quorum) sameServer() error {
	seen := make(map[string]int)
	for i, n := range c.nodes {
		run := n.runID()
		if other, twice := seen[run]; twice && run != "" {
			return fmt.Errorf("nodes %d and %d of the quorum are one server: %w", other+1, i+1, driver.ErrInvalidOption)
		}
		seen[run] = i
	}
	return nil
}

// young is the error when too many nodes do not count yet.
func (v *vote) young(n int) error {
	var waits []time.Duration
	for _, t := range v.done {
		if t.err == nil && t.answers[0][0] == "young" {
			waits = append(waits, micros(t.answers[0][1]))
		}
	}
	slices.Sort(waits)
	return fmt.Errorf("%d of %d nodes were started less than %v ago and may have forgotten locks; the next counts in %v: %w",
		n, len(v.c.nodes), v.c.maxTTL, waits[0].Round(time.Second/10), driver.ErrUnavailable)
}

// held is the error for whoever does not wait. It names who has most nodes.
func (v *vote) held() error {
	now := time.Now()
	var lefts []time.Duration
	holders := make(map[any]int)
	var most []any
	for _, t := range v.done {
		if t.err != nil || t.answers[0][0] != "held" {
			continue
		}
		answer := t.answers[0]
		lefts = append(lefts, micros(answer[4]))
		if holders[answer[1]]++; most == nil || holders[answer[1]] > holders[most[1]] {
			most = answer
		}
	}
	slices.Sort(lefts)
	// So many nodes have to become free for a majority.
	missing := min(v.c.majority-v.says("granted", 0), len(lefts))
	owner, _ := unpackDetails(most[2])
	return &driver.HeldError{
		Owner: owner,
		Since: time.UnixMicro(number(most[3])),
		Until: now.Add(lefts[missing-1] + time.Millisecond),
	}
}

// split reports whether nobody can have had a majority.
func (v *vote) split() bool {
	return v.most()+len(v.c.nodes)-v.answers() < v.c.majority
}

// most returns the most nodes that one other holder has.
func (v *vote) most() (most int) {
	holders := make(map[any]int)
	for _, t := range v.done {
		if t.err == nil && t.answers[0][0] == "held" {
			holders[t.answers[0][1]]++
			most = max(most, holders[t.answers[0][1]])
		}
	}
	return most
}
