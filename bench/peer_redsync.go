package main

import (
	"context"
	"errors"
	"math"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
)

var redsyncPeer = contender{
	name:     "redsync",
	backend:  "redis",
	settings: "one pool, go-redis' defaults; expiry 8 s and retry after 50 to 250 ms (its defaults), without a limit of tries; no renewal",
	open: func(_ context.Context, url string) (locker, error) {
		rdb, err := goRedis(url)
		if err != nil {
			return nil, err
		}
		return &redsyncLocker{redsync.New(goredis.NewPool(rdb)), rdb}, nil
	},
}

type redsyncLocker struct {
	rs  *redsync.Redsync
	rdb *redis.Client
}

func (l *redsyncLocker) Lock(ctx context.Context, name string) (func() error, error) {
	mutex := l.rs.NewMutex(name, redsync.WithTries(math.MaxInt))
	if err := mutex.LockContext(ctx); err != nil {
		return nil, err
	}
	return func() error {
		ok, err := mutex.Unlock()
		if err == nil && !ok {
			err = errors.New("redsync: not unlocked")
		}
		return err
	}, nil
}

func (l *redsyncLocker) Close() error { return l.rdb.Close() }
