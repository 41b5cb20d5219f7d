package redislock

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// notices are the messages by which a release wakes the one waiter that it has
// granted the lock. They are hints: each waiter also looks by itself (nextLook).
// Those of one client that wait share one connection, in a Cluster one for each
// shard.
type notices struct {
	conn   *conn
	ctx    context.Context // ends when the driver is closed
	cancel context.CancelFunc

	mu   sync.Mutex
	told map[string]chan struct{} // by holder id
	done sync.WaitGroup

	subscribing sync.Mutex // guards what follows, and is held while subscribing
	ears        map[string]*ear
}

// ear is a connection on which this client is told: by the address of a shard's
// master, or "".
type ear struct {
	pubsub   *redis.PubSub
	channels map[string]bool
}

func (n *notices) start(c *conn) {
	n.conn = c
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.told = make(map[string]chan struct{})
	n.ears = make(map[string]*ear)
}

// join returns where it arrives when req is told.
func (n *notices) join(req *driver.Request) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := make(chan struct{}, 1)
	n.told[req.Holder] = told
	return told
}

func (n *notices) leave(req *driver.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.told, req.Holder)
}

// channel returns the channel on which this client is told of name. In a Cluster it
// is in the slot of the lock's keys, because a script may publish there only.
func (n *notices) channel(name string) string {
	if n.conn.cluster != nil {
		return n.conn.lockKey(name) + ":told:" + n.conn.id
	}
	return n.conn.prefix + "told:" + n.conn.id
}

// listenFor listens to channel if nobody does yet. A failure is not one of the
// waiter: it looks by itself.
func (n *notices) listenFor(ctx context.Context, channel string) {
	n.subscribing.Lock()
	defer n.subscribing.Unlock()
	if n.ctx.Err() != nil {
		return
	}
	addr, node := "", n.conn.rdb
	if n.conn.cluster != nil {
		master, err := n.conn.cluster.MasterForKey(ctx, channel)
		if err != nil {
			return
		}
		addr, node = master.Options().Addr, master
	}
	switch e := n.ears[addr]; {
	case e == nil:
		n.ears[addr] = n.open(addr, node, channel)
	case !e.channels[channel]:
		e.channels[channel] = e.pubsub.SSubscribe(ctx, channel) == nil
	}
}

func (n *notices) open(addr string, node redis.UniversalClient, channel string) *ear {
	e := &ear{channels: map[string]bool{channel: true}}
	if n.conn.cluster != nil {
		e.pubsub = node.SSubscribe(n.ctx, channel)
	} else {
		e.pubsub = node.Subscribe(n.ctx, channel)
	}
	n.done.Add(1)
	go n.listen(addr, e)
	return e
}

// listen passes messages on to those whom they are for. When a subscription has
// begun, again as well, everybody looks: what came before it was not heard.
func (n *notices) listen(addr string, e *ear) {
	defer n.done.Done()
	for {
		message, err := e.pubsub.Receive(n.ctx)
		switch message := message.(type) {
		case *redis.Message:
			n.tell(message.Payload)
		case *redis.Subscription:
			n.tellAll()
		}
		if err != nil && !n.pause(look) {
			return
		}
		if err != nil && n.conn.cluster != nil { // the shard may have another master by now
			n.subscribing.Lock()
			delete(n.ears, addr)
			n.subscribing.Unlock()
			_ = e.pubsub.Close()
			n.tellAll()
			return
		}
	}
}

// pause waits for d and reports whether the driver is still open.
func (n *notices) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}

func (n *notices) tell(holder string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	wake(n.told[holder])
}

func (n *notices) tellAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, told := range n.told {
		wake(told)
	}
}

func wake(told chan struct{}) {
	select {
	case told <- struct{}{}:
	default:
	}
}

func (n *notices) close() {
	n.cancel()
	n.subscribing.Lock()
	for _, e := range n.ears {
		_ = e.pubsub.Close()
	}
	n.subscribing.Unlock()
	n.done.Wait()
}
