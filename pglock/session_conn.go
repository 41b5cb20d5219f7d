package pglock

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

//go:embed session_sql/*.sql
var sessionFiles embed.FS

// sessionStatements returns the statements by the names of their files, for a sequence.
func sessionStatements(sequence string) map[string]string {
	guard := fnv.New64a()
	_, _ = guard.Write([]byte("pawl session token " + sequence)) // never fails
	quoted := `"` + strings.ReplaceAll(sequence, ".", `"."`) + `"`
	replacer := strings.NewReplacer(
		"'{sequence}'", "'"+quoted+"'::regclass", "{sequence_name}", quoted, "{sequence_name_text}", quoted,
		"{guard}", strconv.FormatInt(int64(guard.Sum64()), 10))
	statements := make(map[string]string)
	for _, name := range []string{"batch", "try", "unlock", "setup", "raise", "examine", "inspect", "doctor"} {
		text, err := sessionFiles.ReadFile("session_sql/" + name + ".sql")
		if err != nil {
			panic(err) // is embedded
		}
		statements[name] = replacer.Replace(string(text))
	}
	statements["create"] = "CREATE SEQUENCE IF NOT EXISTS " + quoted
	statements["sequence"] = "'" + quoted + "'::regclass"
	return statements
}

// sessionServer makes sessions on one database.
type sessionServer struct {
	config  *pgconn.Config
	prefix  string
	sql     map[string]string
	timeout time.Duration
	aux     sessionAux
}

// sessionConn is one session.
type sessionConn struct {
	pg        *pgconn.PgConn
	raw       *sqlsession.Watched // below TLS
	pid       string
	sql       map[string]string
	connected bool

	busy sync.Mutex
}

// dial connects as application_name name, which the server cuts off after 63 bytes.
func (s *sessionServer) dial(ctx context.Context, name string) (*sessionConn, error) {
	c := &sessionConn{sql: s.sql}
	config := s.config.Copy()
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil && !c.connected { // and not to cancel
			c.raw = sqlsession.Watch(conn)
			conn = c.raw
		}
		return conn, err
	}
	if name != "" {
		config.RuntimeParams["application_name"] = name
	}
	var err error
	c.pg, err = pgconn.ConnectConfig(ctx, config)
	c.connected = true
	return c, err
}

// Connect makes a session whose server process is called by its owner.
func (s *sessionServer) Connect(ctx context.Context, owner string) (sqlsession.Conn, error) {
	c, err := s.dial(ctx, sqlsession.ProgramName(owner))
	if err == nil {
		if err = s.setUp(ctx, c); err != nil {
			c.Close()
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no connection within %v", s.timeout)
		}
		return nil, sessionExplain(err)
	}
	return c, nil
}

// setUp prepares a session, and raises the tokens.
func (s *sessionServer) setUp(ctx context.Context, c *sessionConn) error {
	raise := strings.Replace(s.sql["raise"], "{create};", "", 1)
	results, err := c.pg.Exec(ctx, s.sql["setup"]+"; SELECT pg_backend_pid(); "+raise).ReadAll()
	if err != nil {
		return err
	}
	for _, r := range results {
		if len(r.FieldDescriptions) == 1 && r.FieldDescriptions[0].Name == "pg_backend_pid" {
			c.pid = string(r.Rows[0][0])
		}
	}
	// Not every system can watch a connection while it works; those that cannot say so.
	_, err = c.pg.Exec(ctx, "SET client_connection_check_interval = '500ms'").ReadAll()
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	for _, name := range []string{"batch", "try", "unlock"} {
		if _, err := c.pg.Prepare(ctx, "pawl_"+name, c.sql[name], nil); err != nil {
			return err
		}
	}
	return nil
}

// Cancel asks the server, on another connection, to end what c waits for.
func (s *sessionServer) Cancel(ctx context.Context, conn sqlsession.Conn) error {
	return conn.(*sessionConn).pg.CancelRequest(ctx)
}

func (c *sessionConn) Gone() <-chan struct{} { return c.raw.Gone() }

// Close says goodbye unless a statement is under way.
func (c *sessionConn) Close() {
	if c.busy.TryLock() {
		defer c.busy.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.pg.Close(ctx) // the socket is closed in any case
	}
	c.raw.Hangup()
}

func (c *sessionConn) Abandon() { c.raw.Abandon() }

// Do runs one of the three prepared statements.
func (c *sessionConn) Do(b *sqlsession.Batch, timeout time.Duration) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	_ = c.raw.SetDeadline(time.Now().Add(timeout)) // fails with the connection
	values, err := c.run(b)
	if err != nil {
		return c.failure(err)
	}
	_ = c.raw.SetDeadline(time.Time{})
	return c.read(b, values)
}

// run returns the values of the answer, row by row.
func (c *sessionConn) run(b *sqlsession.Batch) (values []string, err error) {
	name, params := sessionCall(b)
	rows := c.pg.ExecPrepared(context.Background(), name, params, nil, nil)
	for rows.NextRow() {
		for _, value := range rows.Values() {
			values = append(values, string(value))
		}
	}
	_, err = rows.Close()
	return values, err
}

// sessionCall returns the statement for b, and its parameters.
func sessionCall(b *sqlsession.Batch) (name string, params [][]byte) {
	if b.Timeout == 0 {
		switch {
		case len(b.Try) == 1 && len(b.Unlock) == 0 && !b.Try[0].Shared:
			return "pawl_try", [][]byte{[]byte(b.Try[0].Key)}
		case len(b.Unlock) == 1 && len(b.Try) == 0 && !b.Unlock[0].Shared:
			return "pawl_unlock", [][]byte{[]byte(b.Unlock[0].Key)}
		}
	}
	timeout := ""
	if b.Timeout != 0 {
		timeout = strconv.FormatInt(b.Timeout.Milliseconds(), 10)
	}
	return "pawl_batch", [][]byte{
		[]byte(timeout), sessionArray(b.Unlock, false), sessionArray(b.Unlock, true), sessionArray(b.Try, false), sessionArray(b.Try, true),
	}
}

// sessionArray returns the keys of one mode as an array literal.
func sessionArray(locks []sqlsession.Lock, shared bool) []byte {
	text := []byte{'{'}
	for _, l := range locks {
		if l.Shared != shared {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, l.Key...)
	}
	return append(text, '}')
}

// read puts the answer into b: the process id, and then the locks in the order of
// sessionCall.
func (c *sessionConn) read(b *sqlsession.Batch, values []string) error {
	if len(values) != 1+len(b.Unlock)+len(b.Try) {
		return fmt.Errorf("%d values, want %d", len(values), 1+len(b.Unlock)+len(b.Try))
	}
	if values[0] != c.pid {
		return fmt.Errorf("%w: server process %s has become %s; is there a pooler in transaction mode?", sqlsession.ErrGone, c.pid, values[0])
	}
	next := values[1:]
	for _, shared := range []bool{false, true} {
		for _, l := range b.Unlock {
			if l.Shared != shared {
				continue
			}
			if next[0] != "1" {
				return fmt.Errorf("the session did not have the lock %s: somebody else has unlocked it", l.Key)
			}
			next = next[1:]
		}
	}
	for _, shared := range []bool{false, true} {
		for i, l := range b.Try {
			if l.Shared != shared {
				continue
			}
			token, err := strconv.ParseUint(next[0], 10, 55)
			if err != nil {
				return fmt.Errorf("token: %w", err)
			}
			b.Tokens[i], next = token, next[1:]
		}
	}
	return nil
}

// Wait waits in the server's line. The statement begins with a comment for Inspect.
func (c *sessionConn) Wait(w *sqlsession.Waiting) (uint64, error) {
	c.busy.Lock()
	defer c.busy.Unlock()
	function := "pg_advisory_lock"
	if w.Shared {
		function = "pg_advisory_lock_shared"
	}
	// A void is not null, and the token is read after it has come.
	text := fmt.Sprintf("%s set_config('idle_session_timeout', '%d', false); SELECT CASE WHEN %s(%s) IS NULL THEN 0 ELSE nextval(%s) END",
		sqlsession.Comment(w), w.Window.Milliseconds(), function, w.Key, c.sql["sequence"])
	results, err := c.pg.Exec(context.Background(), text).ReadAll()
	if err != nil {
		return 0, c.failure(err)
	}
	if len(results) != 2 || len(results[1].Rows) != 1 {
		return 0, errors.New("unexpected answer")
	}
	return strconv.ParseUint(string(results[1].Rows[0][0]), 10, 55)
}

// failure tells what an error says of the session.
func (c *sessionConn) failure(err error) error {
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == "57014":
		return fmt.Errorf("%w: %s", sqlsession.ErrInterrupted, refused.Message)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: no answer", driver.ErrUnavailable)
	case errors.As(err, &refused) && refused.Severity != "FATAL":
		return err
	}
	return fmt.Errorf("%w: %w", sqlsession.ErrGone, err)
}
