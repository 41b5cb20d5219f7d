package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/pawl-go/pawl/driver"
)

// Open returns a driver on a client of its own, which Close closes.
//
//	etcd://[USER:PASSWORD@]HOST:PORT,HOST:PORT/PREFIX
//
// Of a cluster one host is enough to begin with; name all of them, so that one may be
// down. A port that is left out is 2379. PREFIX, where there is one, and a slash after it begin
// every key. Parameters:
//
//	ttl=10s        open only if the servers keep locks with a TTL as short as this one
//	raw=true       Options.Raw
//	timeout=3s     Options.Timeout
//	tls=true       speak TLS, as with any of the following
//	ca=FILE        trust the certificates in this PEM file, not those of the system
//	cert=FILE      show this certificate, in PEM, with
//	key=FILE       its key
//	insecure=true  trust any certificate
//
// Open asks the servers, with one read, whether they answer and let this user read; with
// ttl it also gets an etcd lease and gives it back. No key is written. ctx bounds the
// opening only. The logging of etcd's client is off; to have it, use New.
//
// Errors, of one line each and without the password: driver.ErrInvalidOption for what has to be
// changed in the URL or on the servers, such as a wrong password, a certificate that is not
// trusted, or a parameter; driver.ErrUnavailable when no server answers; ctx.Err().
func Open(ctx context.Context, u *url.URL) (driver.Driver, error) {
	t, err := parseURL(u)
	if err != nil {
		return nil, err
	}
	clientCtx, cancel := context.WithCancel(context.Background())
	t.client.Context, t.client.Logger = clientCtx, zap.NewNop()
	stop := context.AfterFunc(ctx, cancel) // New asks for a user's token
	etcd, err := clientv3.New(t.client)
	stop()
	if err != nil {
		cancel()
		return nil, t.refusal(ctx, err)
	}
	d, err := New(etcd, &t.options)
	if err == nil {
		err = d.(*conn).greet(ctx, t)
	}
	if err != nil {
		if d != nil {
			_ = d.Close()
		}
		_ = etcd.Close()
		cancel()
		return nil, err
	}
	return &owned{conn: d.(*conn), cancel: cancel}, nil
}

// refusal explains why there is no client.
func (t *target) refusal(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, t.client.DialTimeout)
	}
	return explain(err)
}

// greet returns why the servers will not do, or nil.
func (c *conn) greet(ctx context.Context, t *target) error {
	err := c.call(ctx, func(ctx context.Context) error {
		// etcd's client would wait for a connection, and not tell why there is none.
		resp, err := pb.NewKVClient(c.etcd.ActiveConnection()).Range(ctx, &pb.RangeRequest{Key: []byte(c.keys.base())}, grpc.WaitForReady(false))
		if kvs := resp.GetKvs(); len(kvs) > 0 {
			c.base, _ = readBase(string(kvs[0].Value)) // or the first call says what is wrong with it
		}
		return rpctypes.Error(err)
	})
	if err == nil && t.ttl != 0 {
		_, err = c.session(ctx, t.ttl, true)
	}
	return err
}

// owned is a driver that owns its client.
type owned struct {
	*conn
	cancel context.CancelFunc
	once   sync.Once
	err    error
}

// Close closes the driver and its client.
func (o *owned) Close() error {
	o.once.Do(func() {
		o.err = errors.Join(o.conn.Close(), o.etcd.Close())
		o.cancel()
	})
	return o.err
}
