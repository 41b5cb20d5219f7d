package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/redislock"
)

var pawlRedis = contender{
	name:     ours,
	backend:  "redis",
	settings: "defaults: TTL 15 s, renewed every 5 s, fencing tokens, go-redis' default pool",
	renewed:  pawl.DefaultTTL,
	open: func(_ context.Context, url string) (locker, error) {
		rdb, err := goRedis(url)
		if err != nil {
			return nil, err
		}
		d, err := redislock.New(rdb, nil)
		if err != nil {
			return nil, err
		}
		client, err := pawl.New(d, nil)
		return &pawlLocker{client, rdb.Close}, err
	},
}

// goRedis returns a go-redis client with its defaults, which all that use go-redis get.
func goRedis(url string) (*redis.Client, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	return redis.NewClient(opts), nil
}

// pawlLocker is pawl on any backend.
type pawlLocker struct {
	client *pawl.Client
	close  func() error // of what the driver does not own
}

func (l *pawlLocker) Lock(ctx context.Context, name string) (func() error, error) {
	lock, err := l.client.Lock(ctx, name)
	if err != nil {
		return nil, err
	}
	return lock.Unlock, nil
}

func (l *pawlLocker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(l.client.Close(ctx), l.close())
}
