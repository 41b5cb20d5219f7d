package redislock

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

func (c *conn) Inspect(ctx context.Context, name string) (driver.State, error) {
	op := &operation{key: c.lockKey(name), args: []any{"inspect"}}
	if err := c.long.do(ctx, op); err != nil {
		return driver.State{}, err
	}
	return stateOf(name, op.answer), nil
}

func (c *conn) List(ctx context.Context, prefix string) ([]driver.State, error) {
	if c.notices.ctx.Err() != nil {
		return nil, driver.ErrClosed
	}
	names, err := c.names(ctx, prefix)
	if err != nil {
		return nil, err
	}
	ops := make([]*operation, len(names))
	for i, name := range names {
		ops[i] = &operation{key: c.lockKey(name), args: []any{"inspect"}}
	}
	c.long.doAll(ctx, ops)
	var states []driver.State
	for i, op := range ops {
		if op.err != nil {
			return nil, op.err
		}
		if state := stateOf(names[i], op.answer); len(state.Holders)+len(state.Waiters) > 0 {
			states = append(states, state)
		}
	}
	slices.SortFunc(states, func(a, b driver.State) int { return cmp.Compare(a.Name, b.Name) })
	return states, nil
}

// names returns the names of all locks that begin with prefix and that Redis still
// knows, in use or not.
func (c *conn) names(ctx context.Context, prefix string) ([]string, error) {
	seen := make(map[string]bool) // SCAN may return a key twice
	var mu sync.Mutex
	scan := func(ctx context.Context, node redis.Cmdable) error {
		keys := node.ScanType(ctx, 0, glob(c.prefix+"{"+escape.Replace(prefix))+"*}", 1000, "hash").Iterator()
		for keys.Next(ctx) {
			name, ok := c.nameOf(keys.Val())
			mu.Lock()
			seen[name] = seen[name] || ok && strings.HasPrefix(name, prefix)
			mu.Unlock()
		}
		return keys.Err()
	}
	var err error
	if c.cluster != nil {
		err = c.cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return scan(ctx, node) })
	} else {
		err = scan(ctx, c.rdb)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var names []string
	for name, ok := range seen {
		if ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// glob escapes what means something in a pattern of SCAN.
func glob(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(text)
}

// stateOf reads the answer to the operation inspect.
func stateOf(name string, answer []any) driver.State {
	state := driver.State{Name: name, Slots: int(number(answer[1]))}
	for _, row := range answer[2:] {
		f, _ := row.([]any)
		if len(f) < 8 {
			continue
		}
		owner, note := unpackDetails(f[2])
		id, _ := f[1].(string)
		mode := driver.Exclusive
		if f[3] == "s" {
			mode = driver.Shared
		}
		if f[0] == "w" {
			state.Waiters = append(state.Waiters, driver.Waiter{Holder: id, Owner: owner, Note: note, Mode: mode, Since: time.UnixMicro(number(f[5]))})
			continue
		}
		state.Holders = append(state.Holders, driver.Holder{
			Holder: id, Owner: owner, Note: note, Mode: mode, Token: uint64(number(f[4])),
			Since: time.UnixMicro(number(f[5])), Until: time.UnixMicro(number(f[6])), Broken: number(f[7]) == 1,
		})
	}
	return state
}
