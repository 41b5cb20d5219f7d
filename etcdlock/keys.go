package etcdlock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

// keys makes the names of keys, all after the same prefix:
//
//	NAME/LEASE                 who holds or waits: the first of its etcd lease
//	NAME/LEASE-HOLDER          and others of that lease
//	%pawl/base                 what is added to revisions to make tokens
//	%pawl/gone/HOLDER          this holder id gains nothing any more
//	%pawl/broken/LEASE/HOLDER  the lock of this holder id is not to be renewed
//	%pawl/client/LEASE         when the locks on this etcd lease were renewed
//
// LEASE is hexadecimal. NAME is escaped so that it has no slash and a percent
// sign only before 2F and 25; so nothing of pawl's own is under any lock.
type keys struct {
	prefix string
	raw    bool
}

// own begins the keys that are no locks.
const own = "%pawl"

var (
	escaper   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescaper = strings.NewReplacer("%25", "%", "%2F", "/")
)

func (k keys) escape(name string) string {
	if k.raw {
		return name
	}
	return escaper.Replace(name)
}

// check refuses a raw name whose keys would be pawl's own.
func (k keys) check(name string) error {
	if k.raw && (name == own || strings.HasPrefix(name, own+"/")) {
		return fmt.Errorf("%q begins with %s, where pawl keeps its own keys: %w", name, own, driver.ErrInvalidName)
	}
	return nil
}

// of returns what the keys of all who hold or want name begin with.
func (k keys) of(name string) string { return k.prefix + k.escape(name) + "/" }

func (k keys) base() string                        { return k.prefix + own + "/base" }
func (k keys) gone(holder string) string           { return k.prefix + own + "/gone/" + holder }
func (k keys) broken() string                      { return k.prefix + own + "/broken/" }
func (k keys) brokenOn(id clientv3.LeaseID) string { return k.broken() + hex(int64(id)) + "/" }
func (k keys) brokenOf(id clientv3.LeaseID, holder string) string {
	return k.brokenOn(id) + holder
}
func (k keys) clients() string                   { return k.prefix + own + "/client/" }
func (k keys) client(id clientv3.LeaseID) string { return k.clients() + hex(int64(id)) }

// place returns the key of a place in the line of name: the one that etcd's own package
// would write, or one beside it.
func (k keys) place(name string, id clientv3.LeaseID, beside string) string {
	key := k.of(name) + hex(int64(id))
	if beside != "" {
		key += "-" + escaper.Replace(beside)
	}
	return key
}

// name returns the name of the lock that key belongs to, unless it is of none.
func (k keys) name(key string) (name string, ok bool) {
	key, ok = strings.CutPrefix(key, k.prefix)
	slash := strings.LastIndexByte(key, '/')
	if !ok || slash <= 0 || !isPlace(key[slash+1:]) {
		return "", false
	}
	name = key[:slash]
	if k.raw {
		return name, k.check(name) == nil
	}
	plain := unescaper.Replace(name)
	return plain, escaper.Replace(plain) == name
}

// isPlace reports whether the last part of a key begins with the id of a lease.
func isPlace(last string) bool {
	id, _, _ := strings.Cut(last, "-")
	_, err := strconv.ParseUint(id, 16, 64)
	return err == nil
}

func hex(n int64) string { return strconv.FormatInt(n, 16) }

// value is what a key of a lock says for people, and for those who wait. The keys of
// other programs are empty or say something else.
type value struct {
	Holder string `json:"holder"`
	Mode   string `json:"mode"`
	Slots  int    `json:"slots,omitempty"`
	Owner  string `json:"owner,omitempty"`
	Note   string `json:"note,omitempty"`
	TTL    int64  `json:"ttl_us"`
	Since  int64  `json:"since_us"`
}

// valueOf returns the value of req's key, as of now.
func valueOf(req *driver.Request, now time.Time) string {
	text, _ := json.Marshal(value{req.Holder, req.Mode.String(), req.Slots, req.Owner, req.Note,
		req.TTL.Microseconds(), now.UnixMicro()}) // it has nothing that cannot be marshalled
	return string(text)
}

// record is a key of a lock: somebody who holds it or wants it.
type record struct {
	value
	key     string
	rev     int64 // in which it was created
	lease   clientv3.LeaseID
	foreign bool // of a program that is not pawl, and so exclusive
}

// recordOf reads a key. It fails on one that is no lock, and so would never go away.
func recordOf(kv *mvccpb.KeyValue) (record, error) {
	r := record{key: string(kv.Key), rev: kv.CreateRevision, lease: clientv3.LeaseID(kv.Lease)}
	if r.lease == clientv3.NoLease || !isPlace(r.key[strings.LastIndexByte(r.key, '/')+1:]) {
		return r, fmt.Errorf("the key %q is in the way and is no lock; use another name or prefix: %w", r.key, driver.ErrInvalidName)
	}
	if json.Unmarshal(kv.Value, &r.value) != nil || r.Holder == "" {
		r.value, r.foreign = value{}, true
	}
	return r, nil
}

func recordsOf(kvs []*mvccpb.KeyValue) ([]record, error) {
	records := make([]record, len(kvs))
	for i, kv := range kvs {
		var err error
		if records[i], err = recordOf(kv); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func (r *record) shared() bool     { return r.Mode == driver.Shared.String() }
func (r *record) since() time.Time { return time.UnixMicro(r.Since) }

// heldError tells of the first of those who hold or wait.
func heldError(first record) error {
	held := &driver.HeldError{Owner: first.Owner}
	if !first.foreign {
		held.Since = first.since()
	}
	return held
}

// admits reports whether somebody who wants req may hold it when before are all who came
// first, in their order, or at least as many of them as firstOf says.
func admits(req *driver.Request, before []record) (bool, error) {
	for i := range before {
		if before[i].Slots != req.Slots {
			return false, invalid("in use with %d slots (0 is none), not %d", before[i].Slots, req.Slots)
		}
	}
	switch {
	case req.Slots > 0:
		return len(before) < req.Slots, nil
	case req.Mode == driver.Shared:
		for i := range before {
			if !before[i].shared() {
				return false, nil
			}
		}
		return true, nil
	}
	return len(before) == 0, nil
}

// firstOf reads as many of those who hold or want req's name as admits has to know.
func (k keys) firstOf(req *driver.Request) *pb.RequestOp {
	limit := 1
	if req.Slots > 0 || req.Mode == driver.Shared {
		limit = req.Slots // or all
	}
	return read(oldest(k.of(req.Name), limit))
}

// aheadOf reads what somebody who joins the line for req has to know of those before: the
// last one, for who waits for that, and otherwise as firstOf.
func (k keys) aheadOf(req *driver.Request) *pb.RequestOp {
	if req.Slots > 0 || req.Mode == driver.Shared {
		return k.firstOf(req)
	}
	return read(newest(k.of(req.Name), 1))
}

// before returns those of records that came before the key created in rev.
func before(records []record, rev int64) []record {
	for i := range records {
		if records[i].rev >= rev {
			return records[:i]
		}
	}
	return records
}
