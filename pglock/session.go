package pglock

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// SessionOptions are the settings of NewSession. The zero value of each is its default.
type SessionOptions struct {
	// Prefix comes before each name when it is hashed; "pawl:" by default. Locks with
	// another prefix are other locks.
	Prefix string
	// Sequence is what tokens come from, as in "pawl_session_token", which is the
	// default, or "schema.sequence". It is made when there is none.
	Sequence string
	// Timeout bounds one statement that does not wait, and one connecting; 3 s by
	// default.
	Timeout time.Duration
	// Waiters is how many connections may wait in the server's line at the same time,
	// 16 by default. Who comes beyond that tries again and again.
	Waiters int
}

const (
	sessionPrefix   = "pawl:"
	sessionSequence = "pawl_session_token"
	// sessionWindow is how long PostgreSQL waits for a waiter that it has granted the lock
	// to: longer than a pause of a busy process, and short for those behind it.
	sessionWindow = 500 * time.Millisecond
	// sessionMaxTTL is what idle_session_timeout can say: milliseconds in 31 bits.
	sessionMaxTTL = 24 * 24 * time.Hour
)

// NewSession returns a driver whose locks are PostgreSQL's advisory locks, exclusive and
// shared, on a few connections of its own to the database that dsn names, a URL or a list
// of keywords as libpq has them. opts may be nil. ctx bounds the opening only.
//
// Other programs share a lock by its number: the first 8 bytes of the SHA-256 of prefix
// and name, as a big-endian integer:
//
//	SELECT pg_advisory_lock(('x' || left(encode(sha256('pawl:stock:42'), 'hex'), 16))::bit(64)::bigint);
//
// What advisory locks cannot do:
//   - Slots are driver.ErrUnsupported, and so is Break: the server knows no lease, and no
//     mark on it.
//   - Force ends the whole session of the holder, with all locks that it has. Its client
//     is told at once. It takes the same user, or pg_signal_backend.
//   - Inspect shows sessions, not leases: no holder id, token or note. List is
//     driver.ErrUnsupported: the server knows names by their hashes alone.
//   - A restart or failover of the server frees all locks. Their holders are told as soon
//     as the connection ends.
//
// Errors: driver.ErrInvalidOption for what has to be changed, in dsn or on the server:
// PostgreSQL before 14, a read-only one, a pooler in transaction mode, no right to make
// the sequence; driver.ErrUnavailable; ctx.Err().
func NewSession(ctx context.Context, dsn string, opts *SessionOptions) (driver.Driver, error) {
	server, o, err := sessionSettings(dsn, opts)
	if err != nil {
		return nil, fmt.Errorf("pglock: %w", err)
	}
	if err := server.prepare(ctx); err != nil {
		server.aux.close()
		return nil, fmt.Errorf("pglock: %w", err)
	}
	return &sessionDriver{server: server, Engine: sqlsession.New(server, sqlsession.Options{
		Shared: true, MinTTL: sessionTraits.MinTTL, MaxTTL: sessionTraits.MaxTTL,
		Timeout: o.Timeout, Waiters: o.Waiters, Window: sessionWindow,
	})}, nil
}

// sessionSettings checks what NewSession was given.
func sessionSettings(dsn string, opts *SessionOptions) (*sessionServer, *SessionOptions, error) {
	o := SessionOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = sessionPrefix
	}
	if o.Sequence == "" {
		o.Sequence = sessionSequence
	}
	if !sessionIdentifier.MatchString(o.Sequence) {
		return nil, nil, sqlsession.Invalid("sequence %q: want letters, digits and _, or schema.sequence", o.Sequence)
	}
	if err := sqlsession.Limits(&o.Timeout, &o.Waiters); err != nil {
		return nil, nil, err
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, nil, sqlsession.Invalid("%v", err)
	}
	return &sessionServer{config: config, prefix: o.Prefix, sql: sessionStatements(o.Sequence), timeout: o.Timeout}, &o, nil
}

// sessionIdentifier is what can stand in a statement as it is, and means the same there
// with quotes and without.
var sessionIdentifier = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$`)

// sessionDriver is the driver; the engine does most of it.
type sessionDriver struct {
	*sqlsession.Engine
	server *sessionServer
}

var sessionTraits = driver.Traits{
	Backend:     "postgres-session",
	Scope:       driver.Network,
	FIFO:        true,
	Shared:      true,
	Wakes:       true,
	Durable:     true,
	MinTTL:      100 * time.Millisecond,
	MaxTTL:      sessionMaxTTL,
	Precision:   100 * time.Millisecond,
	ClaimWindow: sessionWindow,
}

func (d *sessionDriver) Traits() driver.Traits { return sessionTraits }

func (d *sessionDriver) Close() error {
	err := d.Engine.Close()
	d.server.aux.close()
	return err
}

// Key returns the number of the advisory lock for name.
func (s *sessionServer) Key(name string) string {
	sum := sha256.Sum256([]byte(s.prefix + name))
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(sum[:])), 10)
}

// Timeout rounds up: a lease must not end before the holder stops to believe in it.
func (s *sessionServer) Timeout(ttl time.Duration) time.Duration {
	return (ttl + time.Millisecond - 1).Truncate(time.Millisecond)
}

// sessionExplain says what went wrong with the server.
func sessionExplain(err error) error {
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, driver.ErrInvalidOption), errors.Is(err, driver.ErrClosed):
		return err
	case errors.As(err, &refused):
		switch refused.Code {
		case "28P01", "28000", "3D000", "42501", "42P01", "42704", "3F000", "25006": // password, user, database, rights, names, read-only
			return sqlsession.Invalid("%s", refused.Message)
		}
		return fmt.Errorf("%w: %s", driver.ErrUnavailable, refused.Message)
	}
	return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
}
