package pglock

import (
	"context"
	"fmt"
	"net/url"

	"github.com/pawl-go/pawl/driver"
)

// openSession opens the URL u, without the parameter mode, in session mode.
func openSession(context.Context, *url.URL) (driver.Driver, error) {
	return nil, fmt.Errorf("mode=session: %w", driver.ErrUnsupported)
}
