package mysqllock

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// SessionOptions are the settings of NewSession. The zero value of each is its default.
type SessionOptions struct {
	// Prefix begins every GET_LOCK name; empty by default, so that other programs can
	// use the same names. Names are the server's, not a database's.
	Prefix string
	// Timeout bounds one statement that does not wait, and one connecting; 3 s by
	// default.
	Timeout time.Duration
	// Waiters is how many connections may wait in the server's line at the same time,
	// 16 by default. Who comes beyond that tries again and again.
	Waiters int
}

const (
	// sessionWindow is how long the server waits for a waiter that it has granted the lock
	// to: the least that wait_timeout can say.
	sessionWindow = time.Second
	// sessionMaxTTL is less than what wait_timeout can say on Windows, 24.8 days.
	sessionMaxTTL = 24 * 24 * time.Hour
)

// NewSession returns a driver whose locks are those of GET_LOCK, on a few connections of
// its own to the MySQL or MariaDB that dsn names, in the form of go-sql-driver/mysql. opts
// may be nil. ctx bounds the opening only.
//
// Other programs share a lock by its name, GET_LOCK('stock:42', 10), where prefix and name
// together are lower-case letters, digits and "_.:/-", 64 of them at most (192 on MariaDB).
// The server does not tell upper case from lower case; any other name is hashed, so that no
// two names meet: 'pawl#' and the SHA-256 of prefix and name in lower-case base32 without
// padding.
//
// Tokens are the microseconds of the server's clock, read after the grant in the same
// statement. Between two grants of one name lies at least a release, which takes a round
// trip, so they rise; unless the server's clock is set back, for as long as it was set back.
//
// What GET_LOCK cannot do:
//   - Shared locks, slots and Break are driver.ErrUnsupported.
//   - Force ends the whole session of the holder, with all locks that it has. Its client
//     is told at once. It takes the same user, or CONNECTION_ADMIN.
//   - Inspect shows sessions, not leases: no holder id, token or note. List is
//     driver.ErrUnsupported.
//   - A restart or failover of the server frees all locks, and those of two servers of a
//     Galera cluster or a replica set are not the same. Holders are told as soon as
//     the connection ends.
//
// Errors: driver.ErrInvalidOption for what has to be changed, in dsn or on the server;
// driver.ErrUnavailable; ctx.Err().
func NewSession(ctx context.Context, dsn string, opts *SessionOptions) (driver.Driver, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("mysqllock: %w", sqlsession.Invalid("%v", err))
	}
	d, err := sessionNew(ctx, config, opts)
	if err != nil {
		return nil, fmt.Errorf("mysqllock: %w", err)
	}
	return d, nil
}

func sessionNew(ctx context.Context, config *mysql.Config, opts *SessionOptions) (driver.Driver, error) {
	o := SessionOptions{}
	if opts != nil {
		o = *opts
	}
	if err := sqlsession.Limits(&o.Timeout, &o.Waiters); err != nil {
		return nil, err
	}
	server := &sessionServer{config: config, prefix: o.Prefix, timeout: o.Timeout}
	if err := server.prepare(ctx); err != nil {
		server.aux.close()
		return nil, err
	}
	d := &sessionDriver{server: server}
	traits := d.Traits()
	d.Engine = sqlsession.New(server, sqlsession.Options{
		MinTTL: traits.MinTTL, MaxTTL: traits.MaxTTL, Timeout: o.Timeout, Waiters: o.Waiters, Window: sessionWindow,
	})
	return d, nil
}

// sessionDriver is the driver; the engine does most of it.
type sessionDriver struct {
	*sqlsession.Engine
	server *sessionServer
}

func (d *sessionDriver) Traits() driver.Traits {
	backend := "mysql-session"
	if d.server.mariaDB {
		backend = "mariadb-session"
	}
	return driver.Traits{
		Backend: backend,
		Scope:   driver.Network,
		FIFO:    true,
		Wakes:   true,
		Durable: true, // no token is stored, so none can be lost
		MinTTL:  time.Second,
		MaxTTL:  sessionMaxTTL,
		// wait_timeout is in whole seconds, so it is up to one longer than the TTL.
		Precision:   1100 * time.Millisecond,
		ClaimWindow: sessionWindow,
	}
}

func (d *sessionDriver) Close() error {
	err := d.Engine.Close()
	d.server.aux.close()
	return err
}

// sessionPlain is what GET_LOCK takes as it is, and no two of which it confuses. It has no
// "#", which begins the names of hashes.
var sessionPlain = regexp.MustCompile(`^[a-z0-9_.:/-]+$`)

// Key returns the GET_LOCK name for name.
func (s *sessionServer) Key(name string) string {
	limit := 64
	if s.mariaDB {
		limit = 192
	}
	name = s.prefix + name
	if len(name) <= limit && sessionPlain.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "pawl#" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// Timeout rounds up: a lease must not end before the holder stops to believe in it.
func (s *sessionServer) Timeout(ttl time.Duration) time.Duration {
	return (ttl + time.Second - 1).Truncate(time.Second)
}

// sessionExplain says what went wrong with the server.
func sessionExplain(err error) error {
	var refused *mysql.MySQLError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, driver.ErrInvalidOption), errors.Is(err, driver.ErrClosed):
		return err
	case errors.As(err, &refused):
		switch refused.Number {
		case 1044, 1045, 1049, 1142, 1227, 1095, 1698: // user, password, database, rights
			return sqlsession.Invalid("%s", refused.Message)
		}
		return fmt.Errorf("%w: %s", driver.ErrUnavailable, refused.Message)
	}
	return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
}
