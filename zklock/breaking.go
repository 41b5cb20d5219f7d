package zklock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// Break marks the nodes of the holders. Their clients watch them, do not renew any more,
// and delete them when the leases have run out. Other libraries would not notice: what
// they hold can only be forced.
func (d *ensemble) Break(ctx context.Context, name string) error {
	return d.toHolders(ctx, name, func(ctx context.Context, s *session, n seen) error {
		if !n.ours {
			return fmt.Errorf("%w: %s is of another library, which cannot be told; force it", driver.ErrUnsupported, n.node)
		}
		return s.retry(ctx, func() error {
			n.Broken = true
			_, err := s.conn.Set(n.path, n.bytes(), -1) // nobody else changes it
			return err
		})
	})
}

// Force deletes the nodes of the holders.
func (d *ensemble) Force(ctx context.Context, name string) error {
	return d.toHolders(ctx, name, func(ctx context.Context, s *session, n seen) error {
		return s.delete(ctx, n.path)
	})
}

// toHolders does something to the node of each holder of name.
func (d *ensemble) toHolders(ctx context.Context, name string, do func(context.Context, *session, seen) error) error {
	_, err := within(ctx, d, func(ctx context.Context, s *session) (none struct{}, err error) {
		if err := s.refresh(ctx); err != nil {
			return none, err
		}
		holders, err := s.holders(ctx, name)
		if err != nil {
			return none, err
		}
		if len(holders) == 0 {
			return none, driver.ErrNotHeld
		}
		for _, n := range holders {
			if err := do(ctx, s, n); err != nil && !errors.Is(err, zk.ErrNoNode) {
				return none, d.explain(err, n.path)
			}
		}
		return none, nil
	})
	return err
}

// holders returns the nodes of those who hold name.
func (s *session) holders(ctx context.Context, name string) ([]seen, error) {
	dir := s.d.dir(name)
	nodes, err := s.readFolder(ctx, dir)
	if err != nil || len(nodes) > 0 {
		line := contenders(nodes)
		hold := nodes[:0]
		for i, n := range nodes {
			if blocker(line, i) < 0 {
				hold = append(hold, n)
			}
		}
		return hold, err
	}
	nodes, err = s.readFolder(ctx, dir+"/"+leasesFolder)
	slots := 0
	for _, n := range nodes {
		slots = max(slots, n.Slots)
	}
	if slots > 0 && len(nodes) > slots {
		nodes = slices.Clip(nodes[:slots])
	}
	return nodes, err
}
