// Package backend opens a pawl client from one URL. It is the one place that knows
// every driver; programs that use a single backend can import its package alone.
package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// opener opens the driver for a URL of one scheme.
type opener func(ctx context.Context, u *url.URL) (driver.Driver, error)

var schemes = map[string]opener{
	"mem":    openMem,
	"sqlite": openSQLite,
	"redis":  openRedis, "redis+sentinel": openRedis, "redis+cluster": openRedis, "redis+quorum": openRedis,
	"rediss": openRedis, "rediss+sentinel": openRedis, "rediss+cluster": openRedis, "rediss+quorum": openRedis,
	"postgres": openPostgres, "postgresql": openPostgres,
	"mysql":     openMySQL,
	"zookeeper": openZooKeeper,
	"etcd":      openEtcd,
}

// Schemes returns the URL schemes that Open knows, sorted.
func Schemes() []string { return slices.Sorted(maps.Keys(schemes)) }

// Open returns a client of the backend that rawURL names. opts may be nil. ctx
// bounds the opening only.
//
//	mem://              a store of its own, in this process
//	mem://NAME          the store of that name, shared within this process
//	sqlite:///PATH      a SQLite file, shared by the processes of this machine
//	sqlite://./PATH     the same, relative to the working directory
//	redis://HOST:PORT/DB, rediss://, redis+sentinel://HOSTS/MASTER/DB, redis+cluster://HOSTS,
//	redis+quorum://HOSTS
//	                    Redis; parameters and passwords are those of redislock.Open
//	postgres://USER:PASSWORD@HOST:PORT/DATABASE
//	                    PostgreSQL; as in pglock.Open
//	mysql://USER:PASSWORD@HOST:PORT/DATABASE
//	                    MySQL and MariaDB; as in mysqllock.Open
//	zookeeper://HOSTS/CHROOT
//	                    ZooKeeper; as in zklock.Open
//	etcd://HOSTS/PREFIX etcd; as in etcdlock.Open
//
// An unknown scheme or parameter is pawl.ErrInvalidOption and names the known ones;
// other errors are those of the driver.
func Open(ctx context.Context, rawURL string, opts *pawl.Options) (*pawl.Client, error) {
	d, err := Driver(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	client, err := pawl.New(d, opts)
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return client, nil
}

// Driver returns the driver alone, for those who build on the seam. URLs and errors
// are those of Open.
func Driver(ctx context.Context, rawURL string) (driver.Driver, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("backend: %w: %w", err, pawl.ErrInvalidOption)
	}
	open := schemes[u.Scheme]
	if open == nil {
		return nil, fmt.Errorf("backend: URL %q: unknown scheme %q, want one of %s: %w",
			u.Redacted(), u.Scheme, strings.Join(Schemes(), ", "), pawl.ErrInvalidOption)
	}
	if u.Fragment != "" { // ignored, it would open a file of another name
		return nil, fmt.Errorf("backend: URL %q: want a # in it written as %%23: %w", u.Redacted(), pawl.ErrInvalidOption)
	}
	d, err := open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("backend: URL %q: %w", u.Redacted(), err)
	}
	return d, nil
}

// parse is url.Parse with errors that show no password: those of url quote the whole
// URL, and even their reason may be a part of it.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil && strings.Contains(rawURL, "@") {
		return nil, errors.New("not a URL (not shown, it may hold a password): want special characters in user and password written as %XX, as %40 for @")
	}
	return u, err
}

// onlyParams refuses every URL parameter but the known ones.
func onlyParams(u *url.URL, known ...string) error {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("parameters: %w: %w", err, pawl.ErrInvalidOption)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(known, name) {
			continue
		}
		if len(known) == 0 {
			return fmt.Errorf("unknown parameter %q, want none: %w", name, pawl.ErrInvalidOption)
		}
		return fmt.Errorf("unknown parameter %q, want one of %s: %w", name, strings.Join(known, ", "), pawl.ErrInvalidOption)
	}
	return nil
}
