package etcdlock

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

// watch tells somebody in line of events of an obstacle. It is open while stop is not nil.
//
// It begins at the servers' present, and what may have happened since the obstacle was seen
// is looked for once it is open. A watch from the revision of the look on would need no second
// look; but etcd brings watches up from the past every 100 ms only, and on a server with
// other work to do, every revision is past when the watch is opened.
type watch struct {
	c *conn
	obstacle
	from   int64 // it tells of what happens after this revision
	events clientv3.WatchChan
	stop   context.CancelFunc
}

// await waits until it is worth looking again.
func (w *watch) await(ctx context.Context, queue *session, ob obstacle) error {
	if w.stop == nil || w.key != ob.key || w.prefix != ob.prefix || w.changes != ob.changes {
		w.close()
		if err := w.open(ctx, ob); err != nil {
			return err
		}
	}
	w.obstacle = ob
	if w.from > ob.revision {
		if there, err := w.stillThere(ctx); err != nil || !there {
			return err
		}
	}
	err := w.next(ctx, queue)
	w.close()
	return err
}

// open returns when the servers watch ob.
func (w *watch) open(ctx context.Context, ob obstacle) error {
	watching, stop := context.WithCancel(clientv3.WithRequireLeader(w.c.ctx)) // not of ctx: all waits share a stream
	w.obstacle, w.stop = ob, stop
	opts := []clientv3.OpOption{clientv3.WithCreatedNotify()}
	if ob.prefix {
		opts = append(opts, clientv3.WithPrefix())
	}
	if !ob.changes {
		opts = append(opts, clientv3.WithFilterPut())
	}
	// Watch returns when the servers have answered, or when its context ends.
	late := time.AfterFunc(max(outage, w.c.timeout), stop) // watches are opened one after the other
	left := context.AfterFunc(ctx, stop)
	w.events = w.c.watcher.Watch(watching, ob.key, opts...)
	late.Stop()
	left()
	resp, err := w.receive(ctx, nil)
	if err == nil && !resp.Created {
		err = fmt.Errorf("%w: no watch", driver.ErrUnavailable)
	}
	if err != nil {
		w.close()
		return err
	}
	w.from = resp.Header.Revision
	return nil
}

func (w *watch) close() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// stillThere reports whether the one key that w watches has been there until the present.
// For more than that it says no, since another look costs the same.
func (w *watch) stillThere(ctx context.Context) (bool, error) {
	if w.created == 0 {
		return false, nil
	}
	resp, err := w.c.get(ctx, readBare(w.key))
	if err != nil {
		return false, err
	}
	kvs := kvsOf(resp.Responses[0])
	return len(kvs) > 0 && kvs[0].CreateRevision == w.created, nil
}

// next waits for an event.
func (w *watch) next(ctx context.Context, queue *session) error {
	for {
		resp, err := w.receive(ctx, queue.gone)
		switch {
		case err != nil:
			return err
		case len(resp.Events) > 0:
			w.c.events.Add(int64(len(resp.Events)))
			return nil
		case resp.CompactRevision != 0:
			return nil // the event may be among what was compacted: look again
		}
	}
}

// receive waits for the next message of w.
func (w *watch) receive(ctx context.Context, gone <-chan struct{}) (clientv3.WatchResponse, error) {
	select {
	case resp, ok := <-w.events:
		switch {
		case w.c.ctx.Err() != nil:
			return resp, driver.ErrClosed
		case ctx.Err() != nil:
			return resp, ctx.Err()
		case !ok || resp.Err() != nil && resp.CompactRevision == 0:
			return resp, fmt.Errorf("%w: the watch has ended", driver.ErrUnavailable)
		}
		return resp, nil
	case <-gone:
		return clientv3.WatchResponse{}, errAgain
	case <-w.c.ctx.Done():
		return clientv3.WatchResponse{}, driver.ErrClosed
	case <-ctx.Done():
		return clientv3.WatchResponse{}, ctx.Err()
	}
}
