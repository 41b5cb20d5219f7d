package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pawl-go/pawl/driver"
)

const (
	// tries is how many servers may be asked within Options.Timeout: one that hangs does
	// not answer "no".
	tries = 3
	// retryAfter is the pause after a try that failed at once. An election takes longer.
	retryAfter = 30 * time.Millisecond
)

// call calls do, which has to have the effect of one when it is called again, until it
// succeeds, fails for good, or the time for a call is over.
func (c *conn) call(ctx context.Context, do func(ctx context.Context) error) error {
	return c.callUntil(ctx, time.Now().Add(c.timeout), do)
}

// callUntil is call for which the time is over at deadline, if it fails then. It calls do
// once at least.
func (c *conn) callUntil(ctx context.Context, deadline time.Time, do func(ctx context.Context) error) error {
	var reason error // of a try that failed for more than lack of time
	for {
		try, end := context.WithTimeout(ctx, c.timeout/tries)
		stop := context.AfterFunc(c.ctx, end)
		err := do(undated{try})
		stop()
		end()
		if errorCode(err) == codes.Unavailable {
			reason = err
		}
		switch {
		case err == nil || !transient(err) || c.ctx.Err() != nil:
			return c.explain(ctx, err)
		case time.Until(deadline) > retryAfter && sleep(ctx, retryAfter):
		case reason != nil:
			return c.explain(ctx, reason)
		default:
			return c.explain(ctx, err)
		}
	}
}

// undated is a context without a deadline to be seen. gRPC would send that along, as a header that
// is another one each time, and the server would keep a timer for it; what is late is
// cancelled anyway.
type undated struct{ context.Context }

// Deadline says that there is none.
func (undated) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// sleep waits for d and reports whether ctx is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// callOptions are those of etcd's client: calls wait for a connection, and replies may be of
// any size.
var callOptions = []grpc.CallOption{grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(math.MaxInt32)}

// transact tries a transaction once.
func (c *conn) transact(ctx context.Context, t txn) (*pb.TxnResponse, error) {
	resp, err := c.kv.Txn(ctx, t.message(), callOptions...)
	return resp, clientv3.ContextError(ctx, err)
}

// commit runs a transaction; see call. Those for a lock are for combine.
func (c *conn) commit(ctx context.Context, t txn) (resp *pb.TxnResponse, err error) {
	err = c.call(ctx, func(ctx context.Context) (err error) {
		resp, err = c.transact(ctx, t)
		return err
	})
	return resp, err
}

// get runs reads, all of the same moment; see call.
func (c *conn) get(ctx context.Context, reads ...*pb.RequestOp) (*pb.TxnResponse, error) {
	return c.commit(ctx, txn{then: reads})
}

// errorCode returns the gRPC code of err.
func errorCode(err error) codes.Code {
	var known rpctypes.EtcdError
	switch {
	case errors.As(err, &known):
		return known.Code()
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	}
	return status.Code(err)
}

// transient reports whether another try may help: no leader for the moment, a server
// that has gone, or that hangs.
func transient(err error) bool {
	switch errorCode(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Unknown: // a server tells so that the try's time was over
		return strings.Contains(err.Error(), context.DeadlineExceeded.Error())
	}
	return false
}

// explain makes a failure one of the driver's errors, but for a lease that is not there,
// which callers look for.
func (c *conn) explain(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, rpctypes.ErrLeaseNotFound):
		return err
	case c.ctx.Err() != nil:
		return driver.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return explain(err)
}

func explain(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	switch code := errorCode(err); {
	case code == codes.PermissionDenied:
		return invalid("the user may not use these keys: %s", text)
	case code == codes.Unauthenticated, errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return invalid("wrong user or password: %s", text)
	case strings.Contains(text, "x509: "):
		return invalid("the server's certificate is not trusted: %s", text)
	case strings.Contains(text, "first record does not look like a TLS handshake"), strings.Contains(text, "authentication handshake failed: EOF"),
		strings.Contains(text, "authentication handshake failed: read tcp"): // it hangs up on what it does not know
		return invalid("the server does not speak TLS: %s", text)
	case code == codes.DeadlineExceeded:
		return fmt.Errorf("%w: no answer in time", driver.ErrUnavailable)
	}
	return fmt.Errorf("%w: %s", driver.ErrUnavailable, text)
}
