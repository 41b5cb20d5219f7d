package backend

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/redislock"
)

// openRedis opens every scheme of Redis.
func openRedis(ctx context.Context, u *url.URL) (driver.Driver, error) {
	return redislock.Open(ctx, u)
}
