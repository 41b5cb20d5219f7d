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
	s      *session
	dir    string
	prefix string // of its name, which nobody else's has
	path   string // "" while it is not known
	zxid   int64  // the number of the transaction that has made it, once path is known
	none   bool   // it is known that there is none
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

// ask asks once for the node, in one transaction with a change to the session's own. The
// answer to that change has the number of the transaction, which the answer to a
// create has not, and which would cost another request.
func (p *place) ask(data []byte) error {
	s, sent := p.s, time.Now()
	done, err := s.conn.Multi(
		&zk.SetDataRequest{Path: s.node, Version: -1},
		&zk.CreateRequest{Path: p.dir + "/" + p.prefix, Data: data, Acl: s.d.opts.ACL, Flags: zk.FlagEphemeralSequential})
	if len(done) > 0 && errors.Is(done[0].Error, zk.ErrNoNode) {
		return s.disown()
	}
	if err != nil {
		return err
	}
	p.path, p.zxid = done[1].String, done[0].Stat.Mzxid
	s.contact.wrote(sent)
	return nil
}

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
// happens to have it.
func (s *session) fresh(dir string) ([]string, error) {
	if _, err := s.conn.Sync(dir); err != nil {
		return nil, err
	}
	children, _, err := s.conn.Children(dir)
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
	if p.path == "" {
		return
	}
	_ = p.s.delete(ctx, p.path)
}

// delete deletes a node that may be gone already.
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
