package redislock

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// A round is one question to all nodes, and what they have answered so far.
type round struct {
	c       *quorum
	sent    time.Time
	tasks   []*task    // by node; nil where it was not asked
	open    []bool     // by node: no answer yet
	replies chan *task // of the open ones
	done    []*task    // those that were answered or have failed
}

// question is what a round asks of each node.
type question struct {
	keys   []string
	args   []any
	n      int                 // operations
	insist time.Duration       // for how long a node that fails is asked again; 0 for not
	skip   func(node int) bool // nil for none
}

// ask sends q to all nodes. It does not wait.
func (c *quorum) ask(q question) *round {
	r := &round{c: c, sent: time.Now(), tasks: make([]*task, len(c.nodes)), open: make([]bool, len(c.nodes)),
		replies: make(chan *task, len(c.nodes))}
	for i, n := range c.nodes {
		if q.skip != nil && q.skip(i) {
			continue
		}
		t := &task{node: i, keys: q.keys, args: q.args, n: q.n, reply: r.replies}
		if q.insist > 0 {
			t.insist = r.sent.Add(q.insist)
		}
		r.tasks[i], r.open[i] = t, true
		n.send(t)
	}
	return r
}

// wait waits until enough says that the answers so far will do, or no others are to be
// expected. Nodes that are silent are waited for only while those that have answered
// are not a majority. It returns an error when ctx has ended or the driver was closed.
//
// So a hung minority costs nothing where the others agree, and at most patience where
// they do not, until it is known to be silent. A majority that hangs is waited for
// until its calls time out: without it there is no answer.
func (r *round) wait(ctx context.Context, enough func() bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !enough() {
		left, waiting := r.waitFor()
		if !waiting || left == 0 && r.answers() >= r.c.majority {
			return nil
		}
		expired := timer.C
		if left > 0 {
			timer.Reset(left)
		} else {
			expired = nil
		}
		select {
		case t := <-r.replies:
			r.open[t.node], r.done = false, append(r.done, t)
			if errors.Is(t.err, driver.ErrClosed) {
				return driver.ErrClosed
			}
		case <-expired:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.c.life.Done():
			return driver.ErrClosed
		}
	}
	return nil
}

// waitFor returns how long there is a node to wait for that is not silent, and whether
// there is any node to wait for.
func (r *round) waitFor() (left time.Duration, waiting bool) {
	for i, open := range r.open {
		if open {
			left, waiting = max(left, r.c.nodes[i].silentIn()), true
		}
	}
	return left, waiting
}

// answers returns how many nodes have answered.
func (r *round) answers() (n int) {
	for _, t := range r.done {
		if t.err == nil {
			n++
		}
	}
	return n
}

// says returns how many nodes have answered an operation with word.
func (r *round) says(word string, operation int) (n int) {
	for _, t := range r.done {
		if t.err == nil && t.answers[operation][0] == word {
			n++
		}
	}
	return n
}

// all is an enough for wait: every node that is not silent.
func (r *round) all() bool { return false }

// failure returns the error of a round in which too few nodes have answered.
func (r *round) failure() error {
	for _, t := range r.done {
		if t.err != nil {
			return t.err
		}
	}
	return errors.Join(driver.ErrUnavailable, errors.New("no answer in time"))
}

// takeBack takes back what was not sent to nodes that are silent, and reports for each
// node whether that was all that it was asked.
func (r *round) takeBack() (untouched []bool) {
	untouched = make([]bool, len(r.tasks))
	for i, t := range r.tasks {
		untouched[i] = r.open[i] && r.c.nodes[i].silentIn() == 0 && r.c.nodes[i].takeBack(t)
		if untouched[i] {
			r.open[i] = false
		}
	}
	return untouched
}
