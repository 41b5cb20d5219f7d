package mysqllock

import (
	"context"

	"github.com/pawl-go/pawl/driver"
)

// Tidy does what the janitor does once an hour.
func Tidy(ctx context.Context, d driver.Driver) error { return d.(*conn).tidy(ctx) }
