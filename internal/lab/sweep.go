package lab

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// sweep removes the keys that a strategy has left in a plain Redis: some have no expiry,
// and the Redis may be one that somebody else uses as well.
func (r *run) sweep() {
	if r.strategy.Needs != RawRedis || r.locks == nil {
		return
	}
	opts, err := redis.ParseURL(r.locks.URL)
	if err != nil {
		return // no worker could read it either
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close() //nolint:errcheck // nothing is under way
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Names of a run are random: no other key begins so.
	keys := rdb.Scan(ctx, 0, r.job.Lock+"*", 1000).Iterator()
	for keys.Next(ctx) {
		_ = rdb.Unlink(ctx, keys.Val()).Err() // a Redis that is gone has no keys
	}
}
