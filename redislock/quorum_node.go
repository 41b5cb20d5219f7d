package redislock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

const (
	// patience is how long a node may take before it is not waited for any more where
	// the others are enough. What a hung minority adds to a Lock is at most this, and a
	// timer's delay.
	patience = 50 * time.Millisecond
	// maxBacklog bounds what is remembered for a node that does not answer. What comes
	// after that is left to its expiry there.
	maxBacklog = 4096
	// A node that has failed is left alone for 50 ms, then twice as long each time.
	firstRest, lastRest = 50 * time.Millisecond, time.Second
)

// A task is what is asked of one node at a time: one operation of the script, or
// several.
type task struct {
	node    int
	keys    []string
	args    []any
	n       int          // operations
	reply   chan<- *task // has room, and gets the task once; nil when nobody listens
	insist  time.Time    // when not zero: tried again until then
	answers [][]any
	err     error
}

// end tells that the task is over.
func (t *task) end(err error) {
	t.err = err
	if t.reply != nil {
		t.reply <- t
		t.reply = nil
	}
}

// node is one server of a quorum. What is asked of it is done in the order in which it
// was asked, with one call under way, in which everything goes that has gathered
// meanwhile. So a node that hangs costs one connection, and what waits for it can still
// be taken back.
type node struct {
	rdb     redis.UniversalClient
	grace   time.Duration
	timeout time.Duration // of one call
	landed  sync.WaitGroup

	mu      sync.Mutex
	pending []*task
	flown   time.Time // when the call under way was sent; zero when none is
	failure error     // of the last call, nil when it was answered
	fails   int
	retry   time.Time // the failed node is left alone until then
	timer   *time.Timer
	run     string // run id
	closed  bool
}

// send gives t to the node. A node that has just failed is not asked: t fails, or
// waits if it insists.
func (n *node) send(t *task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		t.end(driver.ErrClosed)
	case n.resting() && t.insist.IsZero():
		t.end(n.failure)
	case n.failure != nil && len(n.pending) >= maxBacklog:
		t.end(n.failure)
	default:
		n.pending = append(n.pending, t)
		n.depart()
	}
}

// resting reports whether the node failed a moment ago.
func (n *node) resting() bool {
	return n.failure != nil && n.flown.IsZero() && time.Now().Before(n.retry)
}

// depart sends what is pending, now or when the node has rested.
func (n *node) depart() {
	switch {
	case n.closed || len(n.pending) == 0 || !n.flown.IsZero():
	case n.resting():
		if n.timer == nil {
			n.timer = time.AfterFunc(time.Until(n.retry), n.wake)
		}
	default:
		n.flown = time.Now()
		n.landed.Add(1)
		go n.fly()
	}
}

func (n *node) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timer = nil
	n.depart()
}

// fly calls the script until nothing is pending or the node fails.
func (n *node) fly() {
	defer n.landed.Done()
	for batch := n.take(); batch != nil; batch = n.take() {
		err := n.call(batch)
		if err != nil {
			n.fail(batch, unavailable(err))
			return
		}
		n.answered(batch)
		for _, t := range batch {
			t.end(t.err)
		}
	}
}

// take returns what goes into the next call, or nil when there is nothing.
func (n *node) take() (batch []*task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	operations, taken := 0, 0
	for _, t := range n.pending {
		if operations > 0 && operations+t.n > maxBatch {
			break
		}
		operations += t.n
		taken++
	}
	if taken == 0 {
		n.flown = time.Time{}
		return nil
	}
	batch = slices.Clone(n.pending[:taken])
	n.pending = slices.Delete(n.pending, 0, taken)
	n.flown = time.Now()
	return batch
}

// call runs batch in one call of the script.
func (n *node) call(batch []*task) error {
	ctx, cancel := context.WithTimeout(context.Background(), n.timeout)
	defer cancel()
	var keys []string
	args, operations := []any{n.grace.Microseconds()}, 0
	for _, t := range batch {
		keys, args, operations = append(keys, t.keys...), append(args, t.args...), operations+t.n
	}
	answers, err := quorumScript.Run(ctx, n.rdb, keys, args...).Slice()
	if err != nil {
		return err
	}
	if len(answers) != operations {
		return fmt.Errorf("%d answers to %d operations", len(answers), operations)
	}
	for _, t := range batch {
		t.read(answers[:t.n])
		answers = answers[t.n:]
	}
	return nil
}

// read takes the answers that the script gave to the task's operations. Where one has
// failed, the task has.
func (t *task) read(answers []any) {
	t.answers = make([][]any, t.n)
	for i, answer := range answers {
		list, _ := answer.([]any)
		if len(list) == 0 {
			list = []any{"error", fmt.Sprintf("unexpected answer %v", answer)}
		}
		if list[0] == "error" {
			t.err = unavailable(errors.New(fmt.Sprint(list[1])))
		}
		t.answers[i] = list
	}
}

// answered notes that the node answers, and which server it is.
func (n *node) answered(batch []*task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failure, n.fails = nil, 0
	for _, t := range batch {
		if word := t.answers[0][0]; word == "granted" || word == "young" {
			n.run, _ = t.answers[0][len(t.answers[0])-1].(string)
		}
	}
}

// fail ends what was asked of the node, whether it was sent or not. What insists goes
// on in the background.
func (n *node) fail(batch []*task, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rest := min(firstRest<<min(n.fails, 10), lastRest)
	n.failure, n.fails = err, n.fails+1
	n.flown, n.retry = time.Time{}, time.Now().Add(rest)
	all := slices.Concat(batch, n.pending)
	n.pending = nil
	for _, t := range all {
		if time.Now().Before(t.insist) && !n.closed && len(n.pending) < maxBacklog {
			again := *t
			again.reply = nil
			n.pending = append(n.pending, &again)
		}
		t.end(err)
	}
	n.depart()
}

// takeBack reports whether t was not sent yet, and will not be.
func (n *node) takeBack(t *task) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := len(n.pending) - 1; i >= 0; i-- { // it came last, or nearly so
		if n.pending[i] == t {
			n.pending = slices.Delete(n.pending, i, i+1)
			return true
		}
	}
	return false
}

// silentIn returns how long the node is still worth waiting for: not at all when its
// last call has failed or the one under way has taken too long, and that until it
// answers again.
func (n *node) silentIn() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.failure != nil:
		return 0
	case n.flown.IsZero():
		return patience
	}
	return max(0, patience-time.Since(n.flown))
}

// runID returns the run id of the server, or "" when it is not known yet.
func (n *node) runID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.run
}

// close refuses new tasks and gives up those that wait for a node that does not answer.
// Those that are still to be sent to a node that does are sent: an Unlock that the
// majority has answered is on its way to the others.
func (n *node) close() {
	n.mu.Lock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
	if n.failure != nil {
		for _, t := range n.pending {
			t.end(driver.ErrClosed)
		}
		n.pending = nil
	}
	n.mu.Unlock()
	landed := make(chan struct{})
	go func() { n.landed.Wait(); close(landed) }()
	select {
	case <-landed:
	case <-time.After(patience):
	}
}
