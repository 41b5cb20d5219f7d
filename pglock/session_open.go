package pglock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// sessionParams are the parameters that are the driver's. The others go to libpq's.
var sessionParams = []string{"mode", "prefix", "sequence", "timeout", "waiters"}

// sessionLibpq are the parameters of a connection that make sense here.
var sessionLibpq = []string{
	"sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslsni", "sslnegotiation", "channel_binding",
	"connect_timeout", "application_name", "target_session_attrs", "passfile", "host", "port", "user", "password",
}

// openSession opens a URL with mode=session: see NewSession.
func openSession(ctx context.Context, u *url.URL) (driver.Driver, error) {
	params, err := sqlsession.ParseParams(u, sessionParams, sessionLibpq)
	if err != nil {
		return nil, err
	}
	o := &SessionOptions{Prefix: params.Get("prefix"), Sequence: params.Get("sequence"), Timeout: params.Timeout, Waiters: params.Waiters}
	for _, name := range sessionParams {
		params.Del(name)
	}
	dsn := *u
	dsn.RawQuery = params.Encode()
	return NewSession(ctx, dsn.String(), o)
}

// prepare asks the server whether it will do, and makes the sequence.
func (s *sessionServer) prepare(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.aux.use(limited, s, func(pg *pgconn.PgConn) error { return s.examine(limited, pg) })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, s.timeout)
	case err != nil:
		return sessionExplain(err)
	}
	return nil
}

func (s *sessionServer) examine(ctx context.Context, pg *pgconn.PgConn) error {
	results, err := pg.Exec(ctx, s.sql["examine"]).ReadAll()
	if err != nil {
		return err
	}
	row := results[0].Rows[0]
	if err := sessionJudge(string(row[0]), string(row[1]), string(row[3])); err != nil {
		return err
	}
	if string(row[2]) != strconv.FormatUint(uint64(pg.PID()), 10) {
		if err := s.probePooler(ctx, pg); err != nil {
			return err
		}
	}
	return s.createSequence(ctx, pg, len(row[3]) > 0)
}

// sessionJudge returns why a server will not do, or nil.
func sessionJudge(version, replica, kind string) error {
	number, err := strconv.Atoi(version)
	switch {
	case err != nil || number < 140000:
		return sqlsession.Invalid("PostgreSQL %d: session mode wants 14 or later, which end a session that is silent for too long; mode=table works", number/10000)
	case replica == "1":
		return sqlsession.Invalid("this is a read-only standby: want the primary, as with target_session_attrs=read-write")
	case kind != "" && kind != "S":
		return sqlsession.Invalid("the sequence is taken by something that is no sequence: choose another name with sequence=NAME")
	}
	return nil
}

func (s *sessionServer) createSequence(ctx context.Context, pg *pgconn.PgConn, exists bool) error {
	create := s.sql["create"]
	if exists {
		create = "SELECT 1"
	}
	_, err := pg.Exec(ctx, strings.Replace(s.sql["raise"], "{create}", create, 1)).ReadAll()
	if err == nil {
		return nil
	}
	if _, rollback := pg.Exec(ctx, "ROLLBACK").ReadAll(); rollback != nil {
		return errors.Join(err, rollback)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42501" {
		return sqlsession.Invalid("%s: let its owner run %q and GRANT USAGE, SELECT, UPDATE on it", refused.Message, s.sql["create"])
	}
	return err
}

// probePooler finds out whether the pooler between us and the server gives a client the same
// server process each time. It looks at two clients, in an order that none of the usual
// ways to hand out processes survives.
func (s *sessionServer) probePooler(ctx context.Context, first *pgconn.PgConn) error {
	other, err := s.dial(ctx, "pawl")
	if err != nil {
		return err
	}
	defer other.Close()
	clients := []*pgconn.PgConn{first, other.pg}
	seen := make([]string, len(clients))
	for _, step := range []struct {
		client int
		sql    string
	}{
		{0, ""}, {1, ""}, {1, "BEGIN"}, {0, ""}, {0, "BEGIN"}, {1, "COMMIT"}, {1, ""}, {0, "COMMIT"}, {0, ""}, {0, ""}, {1, ""}, {1, ""}, {0, ""},
	} {
		if step.sql != "" {
			if _, err := clients[step.client].Exec(ctx, step.sql).ReadAll(); err != nil {
				return err
			}
		}
		results, err := clients[step.client].Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
		if err != nil {
			return err
		}
		pid := string(results[0].Rows[0][0])
		if seen[step.client] == "" {
			seen[step.client] = pid
		}
		if seen[step.client] != pid || seen[0] == seen[1] {
			return sqlsession.Invalid("a pooler in transaction or statement mode is before the server, and would lose session locks: connect to the server, or set pool_mode = session, or use mode=table")
		}
	}
	return nil
}

// sessionAux is a connection for everything but locks, made when it is needed.
type sessionAux struct {
	mu     sync.Mutex
	conn   *sessionConn
	closed bool
}

// use calls do with the connection, and drops it when that fails for the connection's
// sake.
func (a *sessionAux) use(ctx context.Context, s *sessionServer, do func(*pgconn.PgConn) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return driver.ErrClosed
	}
	if a.conn != nil && a.conn.pg.IsClosed() || a.conn != nil && a.conn.raw.HasGone() {
		a.drop()
	}
	if a.conn == nil {
		conn, err := s.dial(ctx, "pawl")
		if err != nil {
			return err
		}
		a.conn = conn
	}
	err := do(a.conn.pg)
	if a.conn.pg.IsClosed() || a.conn.pg.TxStatus() != 'I' {
		a.drop()
	}
	return err
}

func (a *sessionAux) drop() {
	a.conn.Close()
	a.conn = nil
}

func (a *sessionAux) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		a.drop()
	}
	a.closed = true
}
