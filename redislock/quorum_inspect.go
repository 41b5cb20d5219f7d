package redislock

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

func (c *quorum) Inspect(ctx context.Context, name string) (driver.State, error) {
	seen, err := c.look(ctx, []string{name})
	if err != nil {
		return driver.State{}, err
	}
	return seen[0].state(c), nil
}

func (c *quorum) List(ctx context.Context, prefix string) ([]driver.State, error) {
	names, err := c.names(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var states []driver.State
	for part := range slices.Chunk(names, maxBatch) {
		seen, err := c.look(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, s := range seen {
			if state := s.state(c); len(state.Holders)+len(state.Waiters) > 0 {
				states = append(states, state)
			}
		}
	}
	return states, nil
}

// sighting is what the nodes have said of one name.
type sighting struct {
	name    string
	unknown int // nodes that have not answered
	holders map[string][]driver.Holder
	waiters map[string][]driver.Waiter
}

// look asks all nodes for what they know of names, and waits for all that are not
// silent, since only a few of them may know a holder who got the lock while the others
// were away.
func (c *quorum) look(ctx context.Context, names []string) ([]*sighting, error) {
	q := question{n: len(names)}
	for _, name := range names {
		q.keys, q.args = append(q.keys, c.keys(name)...), append(q.args, "inspect")
	}
	r := c.ask(q)
	err := r.wait(ctx, r.all)
	r.takeBack()
	if err != nil {
		return nil, err
	}
	if n := r.answers(); n < c.majority {
		return nil, fmt.Errorf("%d of %d nodes answer: %w", n, len(c.nodes), r.failure())
	}
	slices.SortFunc(r.done, func(a, b *task) int { return cmp.Compare(a.node, b.node) })
	seen := make([]*sighting, len(names))
	for i, name := range names {
		seen[i] = &sighting{name: name, unknown: len(c.nodes) - r.answers(),
			holders: make(map[string][]driver.Holder), waiters: make(map[string][]driver.Waiter)}
		for _, t := range r.done {
			if t.err == nil {
				seen[i].add(t.answers[i])
			}
		}
	}
	return seen, nil
}

// add takes the answer of one node.
func (s *sighting) add(answer []any) {
	if id, _ := answer[1].(string); id != "" {
		owner, note := unpackDetails(answer[2])
		s.holders[id] = append(s.holders[id], driver.Holder{
			Holder: id, Owner: owner, Note: note, Token: uint64(number(answer[3])),
			Since: time.UnixMicro(number(answer[4])), Until: time.UnixMicro(number(answer[5])), Broken: answer[6] == int64(1),
		})
	}
	for pair := range slices.Chunk(answer[7:], 2) {
		id, _ := pair[0].(string)
		text, _ := pair[1].(string)
		since, details, _ := strings.Cut(text, ":")
		owner, note := unpackDetails(details)
		s.waiters[id] = append(s.waiters[id], driver.Waiter{Holder: id, Owner: owner, Note: note, Since: time.UnixMicro(number(since))})
	}
}

// state merges what the nodes have said. Who has most nodes holds the lock, if those and
// the nodes that have not answered are a majority. The same makes a waiter: one who has
// been granted the lock or has left may still be known to nodes that are behind. Times
// are those of one node, the first to see it: each node has a clock of its own.
func (s *sighting) state(c *quorum) driver.State {
	state := driver.State{Name: s.name}
	var most []driver.Holder
	for _, id := range slices.Sorted(maps.Keys(s.holders)) {
		if len(s.holders[id]) > len(most) {
			most = s.holders[id]
		}
	}
	if len(most) > 0 && len(most)+s.unknown >= c.majority {
		holder := slices.MinFunc(most, func(a, b driver.Holder) int { return a.Since.Compare(b.Since) })
		for _, h := range most {
			holder.Token, holder.Broken = max(holder.Token, h.Token), holder.Broken || h.Broken
		}
		state.Holders = []driver.Holder{holder}
		delete(s.waiters, holder.Holder)
	}
	for _, seen := range s.waiters {
		if len(seen)+s.unknown >= c.majority {
			state.Waiters = append(state.Waiters, slices.MinFunc(seen, bySince))
		}
	}
	slices.SortFunc(state.Waiters, bySince)
	return state
}

func bySince(a, b driver.Waiter) int {
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Holder, b.Holder))
}

// names returns the names of all locks that begin with prefix and that a majority of
// nodes still knows, in use or not, sorted.
func (c *quorum) names(ctx context.Context, prefix string) ([]string, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(c.life, stop)()
	type listing struct {
		names []string
		err   error
	}
	listings := make(chan listing, len(c.nodes))
	for _, n := range c.nodes {
		go func() { // ends by itself: a call that hangs cannot be taken back
			names, err := c.scan(ctx, n.rdb, prefix)
			listings <- listing{names, err}
		}()
	}
	seen := make(map[string]bool)
	listed, failed := 0, 0
	for listed < c.majority {
		select {
		case l := <-listings:
			if l.err == nil {
				listed++
			} else if failed++; failed > len(c.nodes)-c.majority {
				return nil, cmp.Or(c.ended(ctx), unavailable(l.err))
			}
			for _, name := range l.names {
				seen[name] = true
			}
		case <-ctx.Done():
			return nil, c.ended(ctx)
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// ended returns why ctx has ended, or nil if it has not.
func (c *quorum) ended(ctx context.Context) error {
	if c.life.Err() != nil {
		return driver.ErrClosed
	}
	return ctx.Err()
}

// scan returns the names that one node knows.
func (c *quorum) scan(ctx context.Context, rdb redis.UniversalClient, prefix string) ([]string, error) {
	var names []string
	keys := rdb.ScanType(ctx, 0, glob(c.keyPrefix()+escape.Replace(prefix))+"*}", 1000, "hash").Iterator()
	for keys.Next(ctx) {
		if name, ok := c.nameOf(keys.Val()); ok && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, keys.Err()
}
