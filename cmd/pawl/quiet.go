package main

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// quiet keeps the client libraries of backends from writing to stderr: what they meet
// comes back as an error, and pawl says it in one line.
func quiet() { redis.SetLogger(silence{}) }

type silence struct{}

// Printf prints nothing.
func (silence) Printf(context.Context, string, ...any) {}
