package etcdlock

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// What is asked of etcd is built of its messages and not with its client package, which
// copies each compare three times, by reflection.

// txn is a transaction.
type txn struct {
	cmps            []*pb.Compare
	then, otherwise []*pb.RequestOp
}

func (t *txn) message() *pb.TxnRequest {
	return &pb.TxnRequest{Compare: t.cmps, Success: t.then, Failure: t.otherwise}
}

// nested makes t an operation of another transaction.
func (t *txn) nested() *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: t.message()}}
}

// created compares the revision in which key was created; 0 is a key that is not there.
func created(key string, rev int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_CREATE, Result: pb.Compare_EQUAL,
		TargetUnion: &pb.Compare_CreateRevision{CreateRevision: rev}}
}

// allCreated compares the revision in which each key that begins with prefix was created,
// and 0 where there is none.
func allCreated(prefix string, is pb.Compare_CompareResult, rev int64) *pb.Compare {
	cmp := created(prefix, rev)
	cmp.RangeEnd, cmp.Result = []byte(clientv3.GetPrefixRangeEnd(prefix)), is
	return cmp
}

// written compares the revision in which key was written last.
func written(key string, rev int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL,
		TargetUnion: &pb.Compare_ModRevision{ModRevision: rev}}
}

// says compares the value of key, which must be there.
func says(key, value string) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_VALUE, Result: pb.Compare_EQUAL,
		TargetUnion: &pb.Compare_Value{Value: []byte(value)}}
}

// put writes key and hangs it on an etcd lease, if that is not 0.
func put(key, value string, on clientv3.LeaseID) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
		Key: []byte(key), Value: []byte(value), Lease: int64(on)}}}
}

func drop(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}
}

func read(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func readKey(key string) *pb.RequestOp { return read(&pb.RangeRequest{Key: []byte(key)}) }

// readBare reads key without its value.
func readBare(key string) *pb.RequestOp {
	return read(&pb.RangeRequest{Key: []byte(key), KeysOnly: true})
}

// under is what begins with prefix.
func under(prefix string) *pb.RangeRequest {
	return &pb.RangeRequest{Key: []byte(prefix), RangeEnd: []byte(clientv3.GetPrefixRangeEnd(prefix))}
}

// oldest is what begins with prefix, in the order in which it was created, up to limit if
// that is not 0; and newest the other way round.
func oldest(prefix string, limit int) *pb.RangeRequest {
	r := under(prefix)
	r.SortTarget, r.SortOrder, r.Limit = pb.RangeRequest_CREATE, pb.RangeRequest_ASCEND, int64(limit)
	return r
}

func newest(prefix string, limit int) *pb.RangeRequest {
	r := oldest(prefix, limit)
	r.SortOrder = pb.RangeRequest_DESCEND
	return r
}
