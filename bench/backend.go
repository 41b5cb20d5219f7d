package main

import (
	"context"
	"strings"

	"github.com/pawl-go/pawl/internal/testserver"
)

// backend is a kind of server, and the way in which pawl uses it.
type backend struct {
	name  string
	note  string // for the table's reader
	start func(s *stage) server
}

// server is one that runs.
type server struct {
	url      string // without what is pawl's own in it
	version  func(ctx context.Context) (string, error)
	reset    func(ctx context.Context) error            // removes what the last turn has left
	requests func(ctx context.Context) (float64, error) // that all clients together have sent; nil where no scenario counts them
}

// noPglock says what is missing, and why.
const noPglock = "cirello.io/pglock is missing: its module could not be fetched"

// backends are in the order of the table.
var backends = []*backend{
	{"redis", "", startRedis},
	{"postgres", "tables; " + noPglock, startPostgres},
	{"postgres-session", "", startPostgres},
	{"mysql", "tables", startMySQL},
	{"mysql-session", "", startMySQL},
	{"mariadb", "tables", startMariaDB},
	{"mariadb-session", "", startMariaDB},
	{"zookeeper", "one node, tick 500 ms", startZooKeeper},
	{"etcd", "one node", startEtcd},
}

func startRedis(s *stage) server {
	url := "redis://" + testserver.Redis(s).Addr
	rdb, err := goRedis(url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = rdb.Close() })
	return server{
		url:   url,
		reset: func(ctx context.Context) error { return rdb.FlushAll(ctx).Err() },
		version: func(ctx context.Context) (string, error) {
			info, err := rdb.Info(ctx, "server").Result()
			_, version, _ := strings.Cut(info, "redis_version:")
			version, _, _ = strings.Cut(version, "\r\n")
			return "Redis " + version, err
		},
	}
}
