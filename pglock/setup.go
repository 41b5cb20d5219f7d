package pglock

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// parseConfig reads a connection string.
func parseConfig(dsn string, timeout time.Duration) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, invalid("%s", oneLine(withoutDSN(err)))
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > timeout {
		config.ConnectTimeout = timeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "pawl"
	}
	// Owners and notes are bytes, but the names of tables are not.
	config.RuntimeParams["client_encoding"] = "UTF8"
	return config, nil
}

// withoutDSN returns the reason of err alone: its text quotes the connection string.
func withoutDSN(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		if inner := errors.Unwrap(err); inner != nil {
			return inner
		}
		_, reason, found := strings.Cut(err.Error(), "`: ")
		if found {
			return errors.New("connection string: " + reason)
		}
	}
	return err
}

// setUp finds out where the connection leads to. A pooler that does not tie a client to
// a server connection invents the process id that it gives the client.
//
// Tables of locks are small, change all the time and are asked for by key alone: the
// planner would judge by statistics that are never right.
func (s *session) setUp(ctx context.Context, timeout time.Duration) error {
	var pid uint32
	if err := s.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid); err != nil {
		return err
	}
	if s.relayed = pid != s.PgConn().PID(); s.relayed {
		return nil
	}
	settings := []string{
		"default_transaction_isolation = 'read committed'",
		"lock_timeout = " + millis(lockTimeout(timeout)),
		"statement_timeout = " + millis(timeout),
		"plan_cache_mode = force_generic_plan",
		"enable_seqscan = off",
		"jit = off",
	}
	_, err := s.PgConn().Exec(ctx, "SET "+strings.Join(settings, "; SET ")).ReadAll()
	return err
}

// lockTimeout is how long a statement waits for a row. Rows are locked for the time of a
// commit; whoever has one for longer is stuck, and must not keep a whole batch waiting.
func lockTimeout(timeout time.Duration) time.Duration { return max(timeout/8, time.Millisecond) }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
