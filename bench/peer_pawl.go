package main

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
	"github.com/pawl-go/pawl/mysqllock"
	"github.com/pawl-go/pawl/pglock"
	"github.com/pawl-go/pawl/redislock"
	"github.com/pawl-go/pawl/zklock"
)

// defaults are pawl's, on every backend.
const defaults = "defaults: TTL 15 s, renewed every 5 s, fencing tokens"

var pawlRedis = contender{
	name:     ours,
	backend:  "redis",
	settings: defaults + ", go-redis' default pool",
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

// The drivers that own their connections, by what follows the server in the URL.
var (
	pawlPostgres        = pawlOn("postgres", "", pglock.Open)
	pawlPostgresSession = pawlOn("postgres-session", "mode=session", pglock.Open)
	pawlMySQL           = pawlOn("mysql", "", mysqllock.Open)
	pawlMySQLSession    = pawlOn("mysql-session", "mode=session", mysqllock.Open)
	pawlMariaDB         = pawlOn("mariadb", "", mysqllock.Open)
	pawlMariaDBSession  = pawlOn("mariadb-session", "mode=session", mysqllock.Open)
	pawlZooKeeper       = pawlOn("zookeeper", "session=10s&tick=500ms", zklock.Open) // the server's tick, and its longest session
	pawlEtcd            = pawlOn("etcd", "", etcdlock.Open)
)

func pawlOn(backend, params string, open func(context.Context, *url.URL) (driver.Driver, error)) contender {
	settings := defaults
	if params != "" {
		settings += "; " + params
	}
	return contender{name: ours, backend: backend, settings: settings, renewed: pawl.DefaultTTL,
		open: func(ctx context.Context, rawURL string) (locker, error) {
			u, err := url.Parse(rawURL)
			if err != nil {
				return nil, err
			}
			if u.RawQuery != "" && params != "" {
				u.RawQuery += "&"
			}
			u.RawQuery += params
			d, err := open(ctx, u)
			if err != nil {
				return nil, err
			}
			client, err := pawl.New(d, nil)
			return &pawlLocker{client, func() error { return nil }}, err
		}}
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
