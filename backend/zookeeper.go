package backend

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/zklock"
)

func openZooKeeper(ctx context.Context, u *url.URL) (driver.Driver, error) {
	return zklock.Open(ctx, u)
}
