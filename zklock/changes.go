package zklock

import (
	"errors"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// changes are writes of one session that travel together: while one transaction is under
// way, what is asked for meanwhile gathers, and goes out as the next one. A server
// writes its log, and asks the other servers, once for each transaction.
//
// A transaction fails as a whole. So only what is all but certain to succeed goes this way:
// deletions of our own nodes, new nodes in folders that are known to be there, and proofs.
type changes struct {
	mu      sync.Mutex
	waiting []*change
	sending bool
}

// change is one of them.
type change struct {
	op   any           // a *zk.CreateRequest or *zk.DeleteRequest, or nil for a proof alone
	done chan struct{} // closed when what follows is set
	path string        // of the node that was created
	zxid int64         // the number of its transaction
	err  error
}

// mostChanges is how many a transaction has at most. One has less than 15 KiB, and servers
// refuse requests of more than 1 MiB.
const mostChanges = 64

// apply makes a change, and returns when it is answered. The caller who finds nothing
// under way sends its own; what has gathered then is sent by a goroutine that ends with
// the last of it.
func (s *session) apply(c *change) {
	w := &s.changes
	c.done = make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	lead := !w.sending
	w.sending = true
	w.mu.Unlock()
	if lead {
		s.send(w.next())
		if batch := w.next(); batch != nil {
			s.d.work.Go(func() {
				for ; batch != nil; batch = w.next() {
					s.send(batch)
				}
			})
		}
	}
	<-c.done
}

// next takes what has gathered. After nil, the next caller of apply leads.
func (w *changes) next() []*change {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), mostChanges)
	if n == 0 {
		w.waiting, w.sending = nil, false
		return nil
	}
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// send makes the changes of batch, in one transaction where that is possible.
func (s *session) send(batch []*change) {
	if len(batch) == 1 {
		s.sendAlone(batch[0])
		return
	}
	err := s.transact(batch)
	if err == nil || transient(err) || errors.Is(err, errSessionOver) {
		for _, c := range batch {
			c.err = err
			close(c.done)
		}
		return
	}
	var each sync.WaitGroup // one of them cannot be made
	for _, c := range batch {
		each.Go(func() { s.sendAlone(c) })
	}
	each.Wait()
}

// sendAlone makes one change.
func (s *session) sendAlone(c *change) {
	defer close(c.done)
	if del, ok := c.op.(*zk.DeleteRequest); ok {
		sent := time.Now()
		if c.err = s.conn.Delete(del.Path, del.Version); c.err == nil {
			s.contact.wrote(sent)
		}
		return
	}
	c.err = s.transact([]*change{c})
}

// transact makes the changes of batch in one transaction, all or none, with a change to
// the session's own node. Only the leader of a majority can make that, and only in a
// session that lives, so that it proves as much; and its answer has the number of the
// transaction, which the answer to a create has not, and which would cost another
// request.
func (s *session) transact(batch []*change) error {
	ops := make([]any, 1, 1+len(batch))
	ops[0] = &zk.SetDataRequest{Path: s.node, Version: -1}
	for _, c := range batch {
		if c.op != nil {
			ops = append(ops, c.op)
		}
	}
	sent := time.Now()
	done, err := s.conn.Multi(ops...)
	if len(done) > 0 && errors.Is(done[0].Error, zk.ErrNoNode) {
		return s.disown()
	}
	if err != nil {
		return err
	}
	s.contact.wrote(sent)
	answers := done[1:]
	for _, c := range batch {
		if c.op != nil {
			c.path, c.zxid = answers[0].String, done[0].Stat.Mzxid
			answers = answers[1:]
		}
	}
	return nil
}
