package sqlitelock_test

import (
	"context"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/sqlitelock"
)

func TestMain(m *testing.M) {
	drivertest.Main(m, func(ctx context.Context, path string) (driver.Driver, error) {
		return sqlitelock.New(ctx, path, nil)
	})
}
