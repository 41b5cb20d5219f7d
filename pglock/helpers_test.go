package pglock_test

import (
	"context"

	"github.com/pawl-go/pawl"
)

// quick does something under a lock and gives it back.
func quick(ctx context.Context, c *pawl.Client, name string) error {
	return c.Do(ctx, name, func(context.Context, *pawl.Lock) error { return nil })
}

// pawlShared is pawl.Shared as an option.
var pawlShared = pawl.Shared()
