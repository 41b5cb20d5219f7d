package mysqllock

import (
	"context"
	"fmt"
	"net/url"

	"github.com/pawl-go/pawl/driver"
)

// openSession is to open a driver that keeps locks with GET_LOCK.
func openSession(context.Context, *url.URL) (driver.Driver, error) {
	return nil, fmt.Errorf("mysqllock: mode=session: %w", driver.ErrUnsupported)
}
