package backend

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/sqlitelock"
)

// openSQLite opens sqlite:///absolute/path and sqlite://./relative/path.
func openSQLite(ctx context.Context, u *url.URL) (driver.Driver, error) {
	if err := onlyParams(u); err != nil {
		return nil, err
	}
	path := u.Host + u.Path
	if u.Opaque != "" || u.User != nil || u.Path == "" || strings.HasSuffix(u.Path, "/") || u.Host != "" && u.Host != "." && u.Host != ".." {
		return nil, fmt.Errorf("want sqlite:///absolute/path or sqlite://./relative/path: %w", pawl.ErrInvalidOption)
	}
	return sqlitelock.New(ctx, path, nil)
}
