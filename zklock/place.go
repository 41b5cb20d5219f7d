package zklock

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// place is one node of ours in a line, from before it is asked for.
type place struct {
	s       *session
	dir     string
	prefix  string // of its name, which nobody else's has
	path    string // "" while it is not known
	zxid    int64  // the number of the transaction that has made it, once path is known
	none    bool   // it is known that there is none
	removed bool   // there is none any more
	last    trail  // what it may follow
	trail   *trail // not nil when it was alone in dir

	changed <-chan zk.Event // tells of changes to it, set by the connection link; nil for no watch
	link    uint64
}

// place returns a node of e that is still to be created in dir. Whatever comes of it, leave
// cleans up.
func (e *entry) place(s *session, dir, mark string) *place {
	p := &place{s: s, dir: dir, prefix: prefixOf(e.req.Holder) + mark}
	e.places = append(e.places, p)
	return p
}

// node returns the name of the node in its folder.
func (p *place) node() string { return strings.TrimPrefix(p.path, p.dir+"/") }

// create asks for the node until there is one. After a reply that was lost it looks for
// the node by its prefix.
func (p *place) create(ctx context.Context, data []byte) error {
	s := p.s
	for {
		err := p.ask(data)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, zk.ErrNoNode): // a parent vanishes when it has been empty for a while
			if err := s.ensure(ctx, p.dir); err != nil {
				p.none = true
				return err
			}
		case transient(err):
			if err := p.find(ctx); err != nil || p.path != "" {
				return errors.Join(err, s.retry(ctx, s.prove))
			}
		default:
			p.none = true
			return s.d.explain(err, p.dir)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ask asks once for the node: together with other changes when it can follow a trail, as the
// folder is there then, and otherwise alone.
func (p *place) ask(data []byte) error {
	s := p.s
	c := &change{op: &zk.CreateRequest{Path: p.dir + "/" + p.prefix, Data: data, Acl: s.d.opts.ACL, Flags: zk.FlagEphemeralSequential}}
	follows := s.isFresh(p.last)
	if follows {
		s.apply(c)
	} else {
		c.err = s.transact([]*change{c})
	}
	if c.err != nil {
		return c.err
	}
	p.path, p.zxid = c.path, c.zxid
	if follows && p.seq() == p.last.seq+1 && s.isFresh(p.last) {
		p.trail = &trail{link: p.last.link, folder: p.last.folder}
	}
	return nil
}

// seq returns the number of the node.
func (p *place) seq() int32 { return parse(p.node()).seq }

// find looks for the node after its creation was cut off. What the session has asked for
// on its old connection comes before the Sync, or never: the leader takes a session's
// requests from one connection only. A node of the same name that an earlier session
// has left is about to vanish, and is not the one.
func (p *place) find(ctx context.Context) error {
	s := p.s
	return s.retry(ctx, func() error {
		children, err := s.fresh(p.dir)
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		for _, child := range children {
			if !strings.HasPrefix(child, p.prefix) {
				continue
			}
			path := p.dir + "/" + child
			exists, stat, err := s.conn.Exists(path)
			if err != nil {
				return err
			}
			if exists && stat.EphemeralOwner == s.id {
				p.path, p.zxid = path, stat.Czxid
				return nil
			}
		}
		return err
	})
}

// fresh lists a folder as it is now, and not as the server that we are connected to
// happens to have it. The list is asked for behind a Sync, ours or one that somebody else
// has sent since, without waiting for its answer.
func (s *session) fresh(dir string) ([]string, error) {
	link, sent, synced := s.link.Load(), s.wire.nextSync(), make(chan error, 1)
	go func() {
		_, err := s.conn.Sync(dir)
		synced <- err
	}()
	select {
	case <-sent:
	case err := <-synced:
		if err != nil {
			return nil, err
		}
		synced <- nil
	}
	children, _, err := s.conn.Children(dir)
	if failed := <-synced; failed != nil {
		return nil, failed
	}
	if link != s.link.Load() { // the list may have come by another connection than the Sync
		return nil, zk.ErrConnectionClosed
	}
	return children, err
}

// remove deletes the node, and retries until that is certain or the session is over.
// Requests of a session are carried out in their order: a delete that comes after a
// create finds its node.
func (p *place) remove() {
	ctx := context.Background() // until the session is over
	if p.path == "" && !p.none {
		_ = p.find(ctx)
	}
	if p.path == "" || p.removed {
		return
	}
	err := p.s.retry(ctx, func() error {
		c := &change{op: &zk.DeleteRequest{Path: p.path, Version: -1}}
		p.s.apply(c)
		return c.err
	})
	p.removed = err == nil || errors.Is(err, zk.ErrNoNode)
	if err == nil && p.trail != nil { // it was there until now, and so was its folder
		p.trail.seq = p.seq()
		p.s.trails.leave(p.dir, *p.trail)
	}
}

// delete deletes a node of somebody else's that may be gone already.
func (s *session) delete(ctx context.Context, path string) error {
	return s.retry(ctx, func() error {
		sent := time.Now()
		err := s.conn.Delete(path, -1)
		if err == nil {
			s.contact.wrote(sent)
		}
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		return err
	})
}

// ensure makes a folder of a line, and those between it and the chroot: containers,
// which the servers delete when they have been empty for a while.
func (s *session) ensure(ctx context.Context, dir string) error {
	root := s.d.opts.Chroot
	for end := len(root); end < len(dir); {
		next := strings.IndexByte(dir[end+1:], '/')
		if next < 0 {
			next = len(dir) - end - 1
		}
		end += 1 + next
		if err := s.makeFolder(ctx, dir[:end]); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes one folder, of which the parent exists.
func (s *session) makeFolder(ctx context.Context, path string) error {
	return s.retry(ctx, func() error {
		_, err := s.conn.CreateContainer(path, nil, zk.FlagContainer, s.d.opts.ACL)
		if unimplemented(err) { // before ZooKeeper 3.5, or switched off
			_, err = s.conn.Create(path, nil, zk.FlagPersistent, s.d.opts.ACL)
		}
		if errors.Is(err, zk.ErrNodeExists) {
			return nil
		}
		return s.d.explain(err, path)
	})
}

// unimplemented reports whether a server does not know a request: error -6, for
// which go-zookeeper has no name.
func unimplemented(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "unknown error: -6")
}
