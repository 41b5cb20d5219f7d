package backend

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/pglock"
)

func openPostgres(ctx context.Context, u *url.URL) (driver.Driver, error) { return pglock.Open(ctx, u) }
