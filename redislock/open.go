package redislock

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// Open returns a driver on a client of its own, which Close closes.
//
//	redis://[USER:PASSWORD@]HOST:PORT/DB               one server
//	rediss://...                                       the same over TLS, as are rediss+sentinel and rediss+cluster
//	redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DB     the master of that name; the hosts are Sentinels
//	redis+cluster://HOST:PORT,HOST:PORT                a Cluster, of which one node is enough
//
// DB may be left out, and so may ports, but not that of the last host alone. User and
// password are those of the servers; Sentinels with passwords are not supported.
// Parameters:
//
//	mode=setnx     one plain key for each lock, as other libraries do: see NewSetNX
//	prefix=TEXT    Options.Prefix
//	timeout=3s     Options.Timeout, and that of making a connection
//	ca=FILE        with TLS: trust the certificates in this PEM file, not those of the system
//	insecure=true  with TLS: trust any certificate
//
// Open asks the server, in one round trip, whether it will do: it wants a primary of
// Redis 6.2 or later, or Redis 7 for a Cluster with mode left out. Nothing is written.
// ctx bounds the opening only.
//
// Errors, of one line each: driver.ErrInvalidOption for what has to be changed in the
// URL or on the server, such as a wrong password, database, parameter, version, or a
// read-only replica; driver.ErrUnavailable when the server does not answer or is
// loading its data; ctx.Err().
func Open(ctx context.Context, u *url.URL) (driver.Driver, error) {
	if strings.HasSuffix(u.Scheme, "+quorum") {
		return openQuorum(ctx, u)
	}
	t, err := parseURL(u)
	if err != nil {
		return nil, err
	}
	rdb := t.connect()
	d, err := t.open(ctx, rdb)
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	return &owned{fullDriver: d, rdb: rdb}, nil
}

// connect makes the client. It does not send anything yet.
func (t *target) connect() redis.UniversalClient {
	switch t.topology {
	case cluster:
		return redis.NewClusterClient(t.client.Cluster())
	case sentinel:
		return redis.NewFailoverClient(t.client.Failover())
	}
	return redis.NewClient(t.client.Simple())
}

func (t *target) open(ctx context.Context, rdb redis.UniversalClient) (fullDriver, error) {
	if err := t.check(ctx, rdb); err != nil {
		return nil, err
	}
	create := New
	if t.setNX {
		create = NewSetNX
	}
	d, err := create(rdb, &Options{Prefix: t.prefix, Timeout: t.client.ReadTimeout})
	if err != nil {
		return nil, err
	}
	full, ok := d.(fullDriver)
	if !ok {
		return nil, errors.Join(errors.New("the driver lacks a method"), d.Close())
	}
	return full, nil
}

// fullDriver is what the drivers of this package can do.
type fullDriver interface {
	driver.Driver
	driver.Inspector
	driver.Breaker
	driver.Checker
}

// owned is a driver that owns its client.
type owned struct {
	fullDriver
	rdb  io.Closer
	once sync.Once
	err  error
}

// Close closes the driver and its client.
func (o *owned) Close() error {
	o.once.Do(func() { o.err = errors.Join(o.fullDriver.Close(), o.rdb.Close()) })
	return o.err
}
