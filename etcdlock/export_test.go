package etcdlock

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/pawl-go/pawl/driver"
)

// WatchEvents returns how many events the watches of d have brought.
func WatchEvents(d driver.Driver) int64 { return d.(*owned).events.Load() }

// KeepAlives returns how many keep-alives d has sent.
func KeepAlives(d driver.Driver) int64 { return d.(*owned).keptAlive.Load() }

// Flights returns how many transactions for locks d has under way that others wait for, and
// how many operations have gathered meanwhile.
func Flights(d driver.Driver) (flights, gathered int) {
	b := &d.(*owned).combiner
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flights, len(b.pending)
}

// AwaitKey waits as somebody in line does who has seen key in revision, when it was there
// since created.
func AwaitKey(ctx context.Context, d driver.Driver, key string, created, revision int64) error {
	w := watch{c: d.(*owned).conn}
	defer w.close()
	return w.await(ctx, &session{gone: make(chan struct{})}, obstacle{key: key, created: created, revision: revision})
}

// OpenWatch opens a watch of key, as waiters do.
func OpenWatch(ctx context.Context, d driver.Driver, key string) error {
	w := watch{c: d.(*owned).conn}
	defer w.close()
	return w.open(ctx, obstacle{key: key})
}

// Share returns which parts of the answer to a batch its operations get, who have so many
// each.
func Share(sizes ...int) [][]int64 {
	var batch []*operation
	resp := &pb.TxnResponse{Succeeded: true}
	for _, n := range sizes {
		batch = append(batch, &operation{txn: txn{then: make([]*pb.RequestOp, n)}})
		for range n {
			count := int64(len(resp.Responses))
			resp.Responses = append(resp.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: &pb.RangeResponse{Count: count}}})
		}
	}
	share(resp, batch)
	var parts [][]int64
	for _, op := range batch {
		var own []int64
		for _, part := range op.resp.Responses {
			own = append(own, part.GetResponseRange().Count)
		}
		parts = append(parts, own)
	}
	return parts
}
