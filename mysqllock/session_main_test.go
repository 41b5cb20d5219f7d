package mysqllock

import (
	"context"
	"net/url"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/drivertest"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) {
	drivertest.Main(testserver.Stopping(m), func(ctx context.Context, rawURL string) (driver.Driver, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		return openSession(ctx, u)
	})
}
