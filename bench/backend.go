package main

import (
	"context"
	"strings"

	"github.com/pawl-go/pawl/internal/testserver"
)

// backend is a kind of server.
type backend struct {
	name  string
	start func(s *stage) server
}

// server is one that runs.
type server struct {
	url     string
	version func(ctx context.Context) (string, error)
	reset   func(ctx context.Context) error // removes what the last turn has left
}

// backends are in the order of the table.
var backends = []*backend{{"redis", startRedis}}

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
