package backend

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/etcdlock"
)

func openEtcd(ctx context.Context, u *url.URL) (driver.Driver, error) { return etcdlock.Open(ctx, u) }
