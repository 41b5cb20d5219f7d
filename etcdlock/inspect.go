package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

// errForeign is what Break answers where another program would not notice.
var errForeign = fmt.Errorf("it is held by a program that is not pawl and knows no breaking; force it: %w", driver.ErrUnsupported)

// pageSize is how many keys a listing reads at once.
const pageSize = 1000

// Inspect returns the state of name. etcd has no clock to read, so times are by the clocks
// of the machines that wrote them; what other programs hold has none.
func (c *conn) Inspect(ctx context.Context, name string) (driver.State, error) {
	if _, err := c.tokenBase(ctx); err != nil {
		return driver.State{}, err
	}
	l, err := c.line(ctx, name)
	if err != nil {
		return driver.State{}, err
	}
	renewed, err := c.renewedAt(ctx, l)
	if err != nil {
		return driver.State{}, err
	}
	return c.stateOf(name, l, renewed), nil
}

// line reads everybody who holds name or wants it, in order.
func (c *conn) line(ctx context.Context, name string) (line, error) {
	if err := c.keys.check(name); err != nil {
		return line{}, err
	}
	resp, err := c.get(ctx, read(oldest(c.keys.of(name), 0)), c.readBroken())
	if err != nil {
		return line{}, err
	}
	records, err := recordsOf(kvsOf(resp.Responses[0]))
	return line{records, setOf(kvsOf(resp.Responses[1]))}, err
}

// line is who holds a name or wants it, and which keys say of anybody that he was broken.
type line struct {
	records []record
	broken  map[string]bool
}

func (c *conn) readBroken() *pb.RequestOp {
	r := under(c.keys.broken())
	r.KeysOnly = true
	return read(r)
}

func setOf(kvs []*mvccpb.KeyValue) map[string]bool {
	set := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		set[string(kv.Key)] = true
	}
	return set
}

// holders returns how many of the line hold.
func (l line) holders() int {
	for i := range l.records {
		r := &l.records[i]
		free, err := admits(&driver.Request{Slots: r.Slots, Mode: modeOf(r)}, l.records[:i])
		if !free || err != nil {
			return i
		}
	}
	return len(l.records)
}

func modeOf(r *record) driver.Mode {
	if r.shared() {
		return driver.Shared
	}
	return driver.Exclusive
}

// renewedAt returns when the etcd leases of l's holders were renewed last.
func (c *conn) renewedAt(ctx context.Context, l line) (map[clientv3.LeaseID]time.Time, error) {
	leases := make(map[clientv3.LeaseID]time.Time)
	var ops []*pb.RequestOp
	for _, r := range l.records[:l.holders()] {
		if _, ok := leases[r.lease]; !ok {
			leases[r.lease] = time.Time{}
			ops = append(ops, readKey(c.keys.client(r.lease)))
		}
	}
	for some := range slices.Chunk(ops, checkedAtOnce) {
		resp, err := c.get(ctx, some...)
		if err != nil {
			return nil, err
		}
		for _, op := range resp.Responses {
			for _, kv := range kvsOf(op) {
				leases[clientv3.LeaseID(kv.Lease)] = renewalTime(kv)
			}
		}
	}
	return leases, nil
}

func renewalTime(kv *mvccpb.KeyValue) time.Time {
	at, _ := strconv.ParseInt(string(kv.Value), 10, 64)
	return time.UnixMicro(at)
}

func (c *conn) stateOf(name string, l line, renewed map[clientv3.LeaseID]time.Time) driver.State {
	state := driver.State{Name: name}
	if len(l.records) > 0 {
		state.Slots = l.records[0].Slots
	}
	held := l.holders()
	for i := range l.records {
		r := &l.records[i]
		if i >= held {
			state.Waiters = append(state.Waiters, waiterOf(r))
			continue
		}
		state.Holders = append(state.Holders, c.holderOf(r, renewed[r.lease], l.broken))
	}
	return state
}

// A program that is not pawl has told nothing of itself: its key stands for it.
func waiterOf(r *record) driver.Waiter {
	if r.foreign {
		return driver.Waiter{Holder: r.key}
	}
	return driver.Waiter{Holder: r.Holder, Owner: r.Owner, Note: r.Note, Mode: modeOf(r), Since: r.since()}
}

func (c *conn) holderOf(r *record, renewed time.Time, broken map[string]bool) driver.Holder {
	c.mu.Lock()
	token := c.base + uint64(r.rev)
	c.mu.Unlock()
	if r.foreign {
		return driver.Holder{Holder: r.key, Token: token}
	}
	from := r.since()
	if renewed.After(from) {
		from = renewed
	}
	return driver.Holder{Holder: r.Holder, Owner: r.Owner, Note: r.Note, Mode: modeOf(r), Token: token, Since: r.since(),
		Until: from.Add(time.Duration(r.TTL) * time.Microsecond), Broken: broken[c.keys.brokenOf(r.lease, r.Holder)]}
}

// List returns the state of every lock whose name begins with prefix. With neither a prefix
// nor Options.Prefix it reads all keys of the servers.
func (c *conn) List(ctx context.Context, prefix string) ([]driver.State, error) {
	if _, err := c.tokenBase(ctx); err != nil {
		return nil, err
	}
	lines := make(map[string]line)
	err := c.scan(ctx, c.keys.prefix+c.keys.escape(prefix), func(kv *mvccpb.KeyValue) {
		name, ok := c.keys.name(string(kv.Key))
		r, err := recordOf(kv)
		if ok && err == nil {
			lines[name] = line{records: append(lines[name].records, r)}
		}
	})
	if err != nil {
		return nil, err
	}
	renewed := make(map[clientv3.LeaseID]time.Time)
	err = c.scan(ctx, c.keys.clients(), func(kv *mvccpb.KeyValue) {
		renewed[clientv3.LeaseID(kv.Lease)] = renewalTime(kv)
	})
	if err != nil {
		return nil, err
	}
	resp, err := c.get(ctx, c.readBroken())
	if err != nil {
		return nil, err
	}
	broken := setOf(kvsOf(resp.Responses[0]))
	var states []driver.State
	for name, l := range lines {
		l.broken = broken
		slices.SortFunc(l.records, func(a, b record) int { return int(a.rev - b.rev) })
		states = append(states, c.stateOf(name, l, renewed))
	}
	slices.SortFunc(states, func(a, b driver.State) int { return strings.Compare(a.Name, b.Name) })
	return states, nil
}

// scan calls each with every key that begins with prefix, page by page, all as of one
// revision.
func (c *conn) scan(ctx context.Context, prefix string, each func(*mvccpb.KeyValue)) error {
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	if prefix == "" {
		from, end = "\x00", "\x00" // all keys
	}
	for rev := int64(0); ; {
		resp, err := c.get(ctx, read(&pb.RangeRequest{Key: []byte(from), RangeEnd: []byte(end), Limit: pageSize, Revision: rev}))
		if err != nil {
			return err
		}
		kvs := kvsOf(resp.Responses[0])
		for _, kv := range kvs {
			each(kv)
		}
		if len(kvs) < pageSize {
			return nil
		}
		from, rev = string(kvs[len(kvs)-1].Key)+"\x00", max(rev, resp.Header.Revision)
	}
}

// Break notes that the locks that are held are not to be renewed. Only pawl reads such
// notes: ErrUnsupported when another program holds the name.
func (c *conn) Break(ctx context.Context, name string) error { return c.breakAll(ctx, name, false) }

// Force deletes the keys of those who hold, other programs' too.
func (c *conn) Force(ctx context.Context, name string) error { return c.breakAll(ctx, name, true) }

func (c *conn) breakAll(ctx context.Context, name string, force bool) error {
	l, err := c.line(ctx, name)
	if err != nil {
		return err
	}
	broken := 0
	for _, r := range l.records[:l.holders()] {
		if r.foreign && !force {
			return errForeign
		}
		switch done, err := c.breakOne(ctx, &r, force); {
		case err != nil:
			return err
		case done:
			broken++
		}
	}
	if broken == 0 {
		return driver.ErrNotHeld
	}
	return nil
}

// breakOne reports whether r was still there to be broken.
func (c *conn) breakOne(ctx context.Context, r *record, force bool) (bool, error) {
	var then []*pb.RequestOp
	if !r.foreign {
		then = append(then, put(c.keys.brokenOf(r.lease, r.Holder), "", r.lease))
	}
	if force {
		then = append(then, drop(r.key))
	}
	resp, err := c.commit(ctx, txn{cmps: []*pb.Compare{created(r.key, r.rev)}, then: then})
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return false, nil // it has just run out
	case err != nil:
		return false, err
	}
	return resp.Succeeded, nil
}
