package main

import (
	"context"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

var bsmPeer = contender{
	name:     "bsm",
	backend:  "redis",
	settings: "github.com/bsm/redislock, go-redis' defaults; TTL 15 s, LinearBackoff(20 ms); no renewal",
	open: func(_ context.Context, url string) (locker, error) {
		rdb, err := goRedis(url)
		if err != nil {
			return nil, err
		}
		return &bsmLocker{redislock.New(rdb), rdb}, nil
	},
}

var bsmOptions = &redislock.Options{RetryStrategy: redislock.LinearBackoff(20 * time.Millisecond)}

type bsmLocker struct {
	client *redislock.Client
	rdb    *redis.Client
}

func (l *bsmLocker) Lock(ctx context.Context, name string) (func() error, error) {
	lock, err := l.client.Obtain(ctx, name, ttl, bsmOptions)
	if err != nil {
		return nil, err
	}
	return func() error { return lock.Release(context.Background()) }, nil
}

func (l *bsmLocker) Close() error { return l.rdb.Close() }
