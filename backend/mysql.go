package backend

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/mysqllock"
)

func openMySQL(ctx context.Context, u *url.URL) (driver.Driver, error) { return mysqllock.Open(ctx, u) }
