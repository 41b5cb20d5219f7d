package main

import (
	"context"
	"net/url"

	"github.com/go-zookeeper/zk"
)

var goZooKeeperPeer = contender{
	name:     "go-zookeeper",
	backend:  "zookeeper",
	settings: "zk.NewLock for each lock, one session of 10 s for each process; no token, no loss detection",
	open: func(_ context.Context, rawURL string) (locker, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		conn, err := zkConnect(u.Host)
		return zkLocker{conn}, err
	},
}

type zkLocker struct{ conn *zk.Conn }

// Lock closes the connection when ctx ends, which is the one way out of a wait.
func (l zkLocker) Lock(ctx context.Context, name string) (func() error, error) {
	defer context.AfterFunc(ctx, l.conn.Close)()
	lock := zk.NewLock(l.conn, "/"+name, zk.WorldACL(zk.PermAll))
	return lock.Unlock, lock.Lock()
}

func (l zkLocker) Close() error {
	l.conn.Close()
	return nil
}
