package zklock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/driver"
)

// atOnce is how many requests an inspection has under way.
const atOnce = 16

// seen is a node of a line with what it holds.
type seen struct {
	contender
	record
	ours  bool
	path  string
	stat  *zk.Stat
	until time.Time // zero where it is not known
}

func (d *ensemble) Inspect(ctx context.Context, name string) (driver.State, error) {
	return within(ctx, d, func(ctx context.Context, s *session) (driver.State, error) {
		if err := s.refresh(ctx); err != nil {
			return driver.State{}, err
		}
		return s.inspect(ctx, name)
	})
}

func (d *ensemble) List(ctx context.Context, prefix string) ([]driver.State, error) {
	return within(ctx, d, func(ctx context.Context, s *session) ([]driver.State, error) {
		if err := s.refresh(ctx); err != nil {
			return nil, err
		}
		nodes, err := s.list(ctx, s.d.root())
		if err != nil {
			return nil, s.d.explain(err, s.d.root())
		}
		var names []string
		for _, node := range nodes {
			if name, ok := unescape(node); ok && strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		states := make([]driver.State, len(names))
		err = inParallel(len(names), func(i int) (err error) {
			states[i], err = s.inspect(ctx, names[i])
			return err
		})
		return slices.DeleteFunc(states, func(state driver.State) bool {
			return len(state.Holders)+len(state.Waiters) == 0
		}), err
	})
}

// root is the folder of all names.
func (d *ensemble) root() string {
	if d.opts.Chroot == "" {
		return "/"
	}
	return d.opts.Chroot
}

// refresh lets the server that we are connected to catch up with the leader.
func (s *session) refresh(ctx context.Context) error {
	return s.retry(ctx, func() error {
		_, err := s.conn.Sync("/")
		return err
	})
}

func (s *session) inspect(ctx context.Context, name string) (driver.State, error) {
	state, dir := driver.State{Name: name}, s.d.dir(name)
	children, err := s.list(ctx, dir)
	if errors.Is(err, zk.ErrNoNode) {
		return state, nil
	} else if err != nil {
		return state, s.d.explain(err, dir)
	}
	line, err := s.read(ctx, dir, children)
	if err != nil {
		return state, err
	}
	floor, err := s.readFloor(ctx)
	if err != nil {
		return state, err
	}
	for i, n := range line {
		if blocker(contenders(line), i) < 0 {
			state.Holders = append(state.Holders, n.holder(floor))
		} else {
			state.Waiters = append(state.Waiters, n.waiter())
		}
	}
	if len(line) == 0 && slices.Contains(children, leasesFolder) {
		err = s.inspectSlots(ctx, &state, dir, floor)
	}
	return state, err
}

// inspectSlots adds who holds a slot and who waits for one. The first in line has a
// node among the leases before it has a slot.
func (s *session) inspectSlots(ctx context.Context, state *driver.State, dir string, floor uint64) error {
	leases, err := s.readFolder(ctx, dir+"/"+leasesFolder)
	if err != nil {
		return err
	}
	line, err := s.readFolder(ctx, dir+"/"+locksFolder)
	if err != nil {
		return err
	}
	for _, n := range append(slices.Clone(leases), line...) {
		state.Slots = max(state.Slots, n.Slots)
	}
	for i, n := range leases {
		if state.Slots == 0 || i < state.Slots { // of Curator's the number is not known
			state.Holders = append(state.Holders, n.holder(floor))
		}
	}
	for _, n := range line {
		holds := slices.ContainsFunc(state.Holders, func(h driver.Holder) bool { return h.Holder == n.id() })
		if !holds {
			state.Waiters = append(state.Waiters, n.waiter())
		}
	}
	return nil
}

func (s *session) readFolder(ctx context.Context, dir string) ([]seen, error) {
	children, err := s.list(ctx, dir)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, nil
	} else if err != nil {
		return nil, s.d.explain(err, dir)
	}
	return s.read(ctx, dir, children)
}

// read returns the line of dir with what its nodes hold, without those that vanish
// meanwhile.
func (s *session) read(ctx context.Context, dir string, children []string) ([]seen, error) {
	line := lineOf(children)
	nodes := make([]seen, len(line))
	err := inParallel(len(line), func(i int) error {
		n := seen{contender: line[i], path: dir + "/" + line[i].node}
		err := s.retry(ctx, func() error {
			data, stat, err := s.conn.Get(n.path)
			n.record, n.ours = readRecord(data)
			n.stat = stat
			return err
		})
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		nodes[i] = n
		return s.d.explain(err, n.path)
	})
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(n seen) bool { return n.stat == nil })
	return nodes, s.readRenewals(ctx, nodes)
}

// readRenewals finds out when the leases of nodes would run out: each session changes
// its own node when it renews.
func (s *session) readRenewals(ctx context.Context, nodes []seen) error {
	renewed := make(map[int64]time.Time)
	var owners []int64
	for _, n := range nodes {
		if _, known := renewed[n.stat.EphemeralOwner]; n.ours && !known {
			renewed[n.stat.EphemeralOwner] = time.Time{}
			owners = append(owners, n.stat.EphemeralOwner)
		}
	}
	times := make([]time.Time, len(owners))
	err := inParallel(len(owners), func(i int) error {
		return s.retry(ctx, func() error {
			exists, stat, err := s.conn.Exists(fmt.Sprintf("%s/%016x", s.d.internal(), uint64(owners[i])))
			if err == nil && exists {
				times[i] = time.UnixMilli(stat.Mtime)
			}
			return err
		})
	})
	for i, owner := range owners {
		renewed[owner] = times[i]
	}
	for i := range nodes {
		n := &nodes[i]
		if !n.ours {
			continue
		}
		from := time.UnixMilli(n.stat.Ctime)
		if at := renewed[n.stat.EphemeralOwner]; at.After(from) {
			from = at
		}
		n.until = from.Add(n.ttl())
	}
	return err
}

// readFloor returns what tokens stand on, or 0 where nobody has needed one yet.
func (s *session) readFloor(ctx context.Context) (floor uint64, err error) {
	err = s.retry(ctx, func() error {
		exists, stat, err := s.conn.Exists(s.d.internal())
		if err == nil && exists {
			floor = floorOf(stat)
		}
		return err
	})
	return floor, err
}

func contenders(nodes []seen) []contender {
	line := make([]contender, len(nodes))
	for i, n := range nodes {
		line[i] = n.contender
	}
	return line
}

// id returns the holder id, or the name of a node of another library.
func (n *seen) id() string {
	if n.ours {
		return n.Holder
	}
	return n.node
}

func (n *seen) modeOf() driver.Mode {
	if n.shares() {
		return driver.Shared
	}
	return driver.Exclusive
}

func (n *seen) holder(floor uint64) driver.Holder {
	h := driver.Holder{
		Holder: n.id(), Owner: n.Owner, Note: n.Note, Mode: n.modeOf(),
		Since: time.UnixMilli(n.stat.Ctime), Until: n.until, Broken: n.Broken,
	}
	if floor > 0 {
		h.Token = floor + uint64(n.stat.Czxid)
	}
	return h
}

func (n *seen) waiter() driver.Waiter {
	return driver.Waiter{Holder: n.id(), Owner: n.Owner, Note: n.Note, Mode: n.modeOf(), Since: time.UnixMilli(n.stat.Ctime)}
}

// inParallel calls do for 0 to n-1, some at a time, and returns the first error.
func inParallel(n int, do func(i int) error) error {
	var group sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(i); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	group.Wait()
	return first
}
