package main

import (
	"context"
	"net/url"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var mutexPeer = contender{
	name:    "mutex",
	backend: "etcd",
	settings: "go.etcd.io/etcd/client/v3/concurrency.Mutex, TTL 15 s; one client for each process, and a session for each worker, " +
		"since two of its mutexes on one session exclude nobody; no token, no loss detection",
	open: func(_ context.Context, rawURL string) (locker, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		client, err := etcdClient(u.Host)
		if err != nil {
			return nil, err
		}
		return &apiece{open: func(ctx context.Context) (handle, error) { return newMutexes(ctx, client) }, closer: client.Close}, nil
	},
}

// mutexes are those of one session, one at a time.
type mutexes struct {
	session *concurrency.Session
	held    *concurrency.Mutex
}

// newMutexes returns ctx's error when that has ended; the session itself is to outlive
// the call.
func newMutexes(ctx context.Context, client *clientv3.Client) (handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	session, err := concurrency.NewSession(client, concurrency.WithTTL(int(ttl.Seconds())))
	return &mutexes{session: session}, err
}

func (m *mutexes) lock(ctx context.Context, name string) error {
	m.held = concurrency.NewMutex(m.session, name)
	return m.held.Lock(ctx)
}

func (m *mutexes) unlock(string) error { return m.held.Unlock(context.Background()) }

func (m *mutexes) close() error { return m.session.Close() }
