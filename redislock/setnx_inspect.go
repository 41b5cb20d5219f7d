package redislock

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

func (s *setNX) Inspect(ctx context.Context, name string) (driver.State, error) {
	key := s.prefix + name
	answer, err := s.run(ctx, setNXInspect, []string{key})
	if err != nil {
		return driver.State{}, err
	}
	return stateOfKey(name, key, answer)
}

func (s *setNX) List(ctx context.Context, prefix string) ([]driver.State, error) {
	keys, err := s.scan(ctx, s.prefix+prefix)
	if err != nil {
		return nil, err
	}
	cmds, err := s.runAll(ctx, setNXInspect, keys, make([][]any, len(keys)))
	if err != nil {
		return nil, err
	}
	var states []driver.State
	for i, cmd := range cmds {
		answer, err := cmd.Slice()
		if err != nil {
			return nil, s.unavailable(err)
		}
		if len(answer) > 0 && answer[0] == "type" {
			continue // it has become something else since the scan
		}
		state, err := stateOfKey(strings.TrimPrefix(keys[i], s.prefix), keys[i], answer)
		if err != nil {
			return nil, err
		}
		if len(state.Holders) > 0 {
			states = append(states, state)
		}
	}
	slices.SortFunc(states, func(a, b driver.State) int { return cmp.Compare(a.Name, b.Name) })
	return states, nil
}

// scan returns the strings whose keys begin with prefix.
func (s *setNX) scan(ctx context.Context, prefix string) ([]string, error) {
	if prefix == "" {
		if s.isClosed() {
			return nil, driver.ErrClosed
		}
		return nil, fmt.Errorf("with no prefix every string in the database might be a lock; give one: %w", driver.ErrUnsupported)
	}
	// A large database takes many round trips, which no time limit of one call fits.
	seen := make(map[string]bool) // SCAN may return a key twice
	err := s.eachNode(ctx, func(node redis.Cmdable) error {
		for cursor := uint64(0); ; {
			page, err := within(ctx, s, func(ctx context.Context) (page scanPage, err error) {
				page.keys, page.next, err = node.ScanType(ctx, cursor, glob(prefix)+"*", 1000, "string").Result()
				return page, err
			})
			if err != nil {
				return err
			}
			for _, key := range page.keys {
				seen[key] = true
			}
			if cursor = page.next; cursor == 0 {
				return nil
			}
		}
	})
	keys := make([]string, 0, len(seen))
	for key := range seen {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, err
}

type scanPage struct {
	keys []string
	next uint64
}

// eachNode runs look on every server that holds keys, one after the other.
func (s *setNX) eachNode(ctx context.Context, look func(redis.Cmdable) error) error {
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return look(s.rdb)
	}
	masters, err := within(ctx, s, func(ctx context.Context) ([]*redis.Client, error) {
		var mu sync.Mutex // ForEachMaster calls for all of them at the same time
		var masters []*redis.Client
		err := cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			masters = append(masters, node)
			return nil
		})
		return masters, err
	})
	for _, node := range masters {
		if err := look(node); err != nil {
			return err
		}
	}
	return err
}

func (s *setNX) Break(ctx context.Context, name string) error { return s.breakWith(ctx, name, "0") }

func (s *setNX) Force(ctx context.Context, name string) error { return s.breakWith(ctx, name, "1") }

func (s *setNX) breakWith(ctx context.Context, name, force string) error {
	key := s.prefix + name
	answer, err := s.run(ctx, setNXBreak, []string{key}, force)
	if err != nil {
		return err
	}
	switch answer[0] {
	case "broken":
		return nil
	case "free":
		return driver.ErrNotHeld
	case "endless":
		return fmt.Errorf("key %q has no expiry, so it would never be free; Force frees it: %w", key, driver.ErrUnsupported)
	case "type":
		return wrongType(key, answer[len(answer)-1])
	}
	return unexpected(answer)
}

// stateOfKey reads the answer of inspect.
func stateOfKey(name, key string, answer []any) (driver.State, error) {
	state := driver.State{Name: name}
	switch {
	case len(answer) == 4 && answer[0] == "held":
		state.Holders = []driver.Holder{holderOf(answer)}
	case len(answer) == 2 && answer[0] == "type":
		return state, wrongType(key, answer[1])
	case len(answer) != 1 || answer[0] != "free":
		return state, unexpected(answer)
	}
	return state, nil
}

// holderOf reads the answer held: of another library's lock nothing is known but its
// value and its expiry.
func holderOf(answer []any) driver.Holder {
	text, _ := answer[1].(string)
	h := driver.Holder{Holder: text, Broken: number(answer[3]) == 1}
	if v, ok := parseValue(text); ok {
		h.Holder, h.Owner, h.Note, h.Token, h.Since = v.holder, v.owner, v.note, v.token, v.since()
	}
	if till := number(answer[2]); till >= 0 {
		h.Until = time.UnixMilli(till)
	}
	return h
}
