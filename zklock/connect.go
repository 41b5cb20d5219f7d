package zklock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// opening is a session that is being opened.
type opening struct {
	done chan struct{} // closed when the rest is set
	s    *session
	err  error
}

// session returns the session on which to work now, a new one after the last has ended.
func (d *ensemble) session(ctx context.Context) (*session, error) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, driver.ErrClosed
	}
	if s := d.current; s != nil && !s.over() {
		d.mu.Unlock()
		return s, nil
	}
	o := d.opening
	if o == nil {
		o = &opening{done: make(chan struct{})}
		d.opening = o
		d.work.Go(func() { d.open(o) })
	}
	d.mu.Unlock()
	select {
	case <-o.done:
		return o.s, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *ensemble) open(o *opening) {
	ctx, cancel := context.WithTimeout(d.base, d.opts.Timeout)
	defer cancel()
	s, err := d.connect(ctx)
	if err == nil {
		err = d.adopt(s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.err, d.opening = err, nil; err == nil {
		o.s, d.current = s, s
	}
	close(o.done)
}

// adopt checks that a new session lasts as long as the leases that will hang on it.
func (d *ensemble) adopt(s *session) error {
	err := d.judge(s.timeout)
	if err != nil {
		s.end()
	}
	return err
}

// judge returns why a session of timeout will not do; the first one says how long the
// others have to last.
func (d *ensemble) judge(timeout time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	least := max(d.timeout, d.opts.Tick*3/2)
	switch {
	case d.closed:
		return driver.ErrClosed
	case timeout < least:
		return invalid("the servers grant sessions of %v only: want at least %v; see maxSessionTimeout there, and Session and Tick here", timeout, least)
	case d.timeout == 0:
		d.timeout = timeout
	}
	return nil
}

// silent discards what go-zookeeper would log.
type silent struct{}

func (silent) Printf(string, ...any) {}

// connect opens a session.
func (d *ensemble) connect(ctx context.Context) (*session, error) {
	s := &session{d: d, ready: make(chan struct{}), lost: make(chan struct{})}
	s.wire.tls, s.wire.hosts = d.opts.TLS, &hosts{}
	conn, _, err := zk.Connect(d.servers, d.opts.Session, zk.WithDialer(s.wire.dial), zk.WithEventCallback(s.notice),
		zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithHostProvider(s.wire.hosts))
	if err != nil {
		return nil, invalid("%v", err) // no such host
	}
	s.conn = conn
	d.work.Go(s.tend)
	select {
	case <-s.ready:
	case <-ctx.Done():
		s.end()
		return nil, d.unreached(s.wire.failure())
	}
	if d.opts.User == "" {
		return s, nil
	}
	if err := s.retry(ctx, func() error { return conn.AddAuth("digest", []byte(d.opts.User+":"+d.opts.Password)) }); err != nil {
		s.end()
		return nil, fmt.Errorf("digest authentication of user %q: %w", d.opts.User, err)
	}
	return s, nil
}

// unreached is the error of a session that could not be opened, where err is the last
// failure to connect.
func (d *ensemble) unreached(err error) error {
	switch {
	case err == nil && d.opts.TLS == nil:
		return fmt.Errorf("%w: no answer from %s within %v; is it a TLS port?", driver.ErrUnavailable, strings.Join(d.servers, ", "), d.opts.Timeout)
	case err == nil:
		return fmt.Errorf("%w: no answer from %s within %v", driver.ErrUnavailable, strings.Join(d.servers, ", "), d.opts.Timeout)
	case strings.Contains(err.Error(), "x509: "):
		return invalid("the server's certificate is not trusted: %v", err)
	case strings.Contains(err.Error(), "tls: "):
		return invalid("TLS: %v", err)
	}
	return fmt.Errorf("%w: %s", driver.ErrUnavailable, err.Error())
}

// checkRoot refuses a chroot that does not exist.
func (d *ensemble) checkRoot(ctx context.Context, s *session) error {
	if d.opts.Chroot == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.opts.Timeout)
	defer cancel()
	return s.retry(ctx, func() error {
		exists, _, err := s.conn.Exists(d.opts.Chroot)
		if err == nil && !exists {
			err = d.explain(zk.ErrNoNode, d.opts.Chroot)
		} else if errors.Is(err, zk.ErrInvalidPath) {
			err = invalid("chroot %s: ZooKeeper cannot take this path", d.opts.Chroot)
		}
		return err
	})
}
