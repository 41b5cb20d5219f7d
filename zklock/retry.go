package zklock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// retryWait is the wait before a request is sent again whose connection was lost.
const retryWait = 20 * time.Millisecond

// retry does what can be done twice until it is known to be done or to have failed, ctx
// ends, or the session does.
func (s *session) retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !transient(err) {
			return err
		}
		select {
		case <-time.After(retryWait + rand.N(retryWait)):
		case <-s.lost:
			return errSessionOver
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", driver.ErrUnavailable, err.Error()) // who has ended ctx knows
		}
	}
}

// transient reports whether err leaves open what has happened, or comes from a
// connection that go-zookeeper will replace.
func transient(err error) bool {
	for _, known := range []error{zk.ErrConnectionClosed, zk.ErrNoServer, zk.ErrClosing, zk.ErrSessionMoved, zk.ErrSessionExpired} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// explain says what a refusal means, and for which node.
func (d *ensemble) explain(err error, node string) error {
	switch {
	case err == nil || transient(err) || explained(err):
		return err
	case errors.Is(err, zk.ErrNoAuth):
		return invalid("%s: its ACL refuses this user", node)
	case errors.Is(err, zk.ErrInvalidACL):
		return invalid("%s: the servers do not take this ACL; digest users have to authenticate first", node)
	case errors.Is(err, zk.ErrNoNode) && d.opts.Chroot != "":
		return invalid("chroot %s does not exist: create it first", d.opts.Chroot)
	case errors.Is(err, zk.ErrNoChildrenForEphemerals):
		return invalid("%s is a node of somebody else, without room for a line: an ephemeral one", node)
	}
	return fmt.Errorf("%w: %s: %s", driver.ErrUnavailable, node, err.Error())
}

// explained reports whether err is in the words of package driver already.
func explained(err error) bool {
	for _, known := range []error{driver.ErrUnavailable, driver.ErrInvalidOption, driver.ErrUnsupported, driver.ErrLost, driver.ErrHeld} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
