package mysqllock

import (
	"context"
	sqldriver "database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

//go:embed session_sql/*.sql
var sessionFiles embed.FS

// sessionSQL returns the statement in a file.
func sessionSQL(name string) string {
	text, err := sessionFiles.ReadFile("session_sql/" + name + ".sql")
	if err != nil {
		panic(err) // is embedded
	}
	return string(text)
}

// sessionServer makes sessions on one server.
type sessionServer struct {
	config  *mysql.Config
	prefix  string
	timeout time.Duration
	mariaDB bool
	aux     sessionAux
}

// sessionConn is one session.
type sessionConn struct {
	sql  sqldriver.QueryerContext
	conn sqldriver.Conn
	raw  *sqlsession.Watched // below TLS
	id   string              // CONNECTION_ID

	busy sync.Mutex
}

// dial connects as a program called name.
func (s *sessionServer) dial(ctx context.Context, name string) (*sessionConn, error) {
	c := &sessionConn{}
	config := s.config.Clone()
	config.Logger = &mysql.NopLogger{} // errors are returned
	config.MultiStatements = true
	config.ReadTimeout, config.WriteTimeout = 0, 0 // deadlines are ours
	config.ConnectionAttributes = "program_name:" + sessionAttribute(name)
	dial := config.DialFunc
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			c.raw = sqlsession.Watch(conn)
			conn = c.raw
		}
		return conn, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, sqlsession.Invalid("%v", err)
	}
	if c.conn, err = connector.Connect(ctx); err != nil {
		return nil, err
	}
	c.sql = c.conn.(sqldriver.QueryerContext)
	return c, nil
}

// sessionAttribute returns name without what parts attributes.
func sessionAttribute(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || r == ':' {
			return ' '
		}
		return r
	}, sqlsession.ProgramName(name))
}

// Connect makes a session for owner. Nothing but us ends its waits, and its clock knows
// no daylight-saving time.
func (s *sessionServer) Connect(ctx context.Context, owner string) (sqlsession.Conn, error) {
	c, err := s.dial(ctx, owner)
	if err == nil {
		limit := "max_execution_time = 0"
		if s.mariaDB {
			limit = "max_statement_time = 0"
		}
		var rows [][]string
		rows, err = c.query(ctx, "SET SESSION time_zone = '+00:00', autocommit = 1, "+limit+"; SELECT CONNECTION_ID()")
		if err == nil {
			c.id = rows[0][0]
			return c, nil
		}
		c.Close()
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no connection within %v", s.timeout)
	}
	return nil, sessionExplain(err)
}

// Cancel ends what c waits for, by another connection: to close c would leave its wait to
// the server.
func (s *sessionServer) Cancel(ctx context.Context, conn sqlsession.Conn) error {
	_, err := s.ask(ctx, "KILL QUERY "+conn.(*sessionConn).id)
	return err
}

func (c *sessionConn) Gone() <-chan struct{} { return c.raw.Gone() }

// Close says goodbye unless a statement is under way.
func (c *sessionConn) Close() {
	if c.busy.TryLock() {
		defer c.busy.Unlock()
		_ = c.raw.SetDeadline(time.Now().Add(time.Second))
		_ = c.conn.Close() // the socket is closed in any case
	}
	c.raw.Hangup()
}

func (c *sessionConn) Abandon() {
	c.raw.Abandon()
	_ = c.conn.Close() // of the client's side alone: it has a goroutine
}

// query returns the rows of the last statement in text. A NULL is "NULL".
func (c *sessionConn) query(ctx context.Context, text string) (rows [][]string, err error) {
	result, err := c.sql.QueryContext(ctx, text, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	values := make([]sqldriver.Value, len(result.Columns()))
	for {
		err := result.Next(values)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = sessionText(v)
		}
		rows = append(rows, row)
	}
}

func sessionText(v sqldriver.Value) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// sessionGetLock is an expression that takes a lock and returns its token, 0 when it is
// held, and NULL after an error. A CASE evaluates its result after its condition.
func sessionGetLock(key string, seconds int) string {
	return "CASE GET_LOCK('" + key + "', " + strconv.Itoa(seconds) + ") WHEN 1 THEN CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED) WHEN 0 THEN 0 END"
}

// Do sends one SELECT. Keys need no quoting: see Key.
func (c *sessionConn) Do(b *sqlsession.Batch, timeout time.Duration) error {
	var text strings.Builder
	if b.Timeout != 0 {
		fmt.Fprintf(&text, "SET SESSION wait_timeout = %d; ", b.Timeout/time.Second)
	}
	text.WriteString("SELECT CONNECTION_ID()")
	for _, l := range b.Unlock {
		text.WriteString(", RELEASE_LOCK('" + l.Key + "')")
	}
	for _, l := range b.Try {
		text.WriteString(", " + sessionGetLock(l.Key, 0))
	}
	c.busy.Lock()
	defer c.busy.Unlock()
	_ = c.raw.SetDeadline(time.Now().Add(timeout)) // fails with the connection
	rows, err := c.query(context.Background(), text.String())
	if err != nil {
		return c.failure(err)
	}
	_ = c.raw.SetDeadline(time.Time{})
	return c.read(b, rows)
}

// read puts the answer into b.
func (c *sessionConn) read(b *sqlsession.Batch, rows [][]string) error {
	if len(rows) != 1 || len(rows[0]) != 1+len(b.Unlock)+len(b.Try) {
		return errors.New("unexpected answer")
	}
	if rows[0][0] != c.id {
		return fmt.Errorf("%w: connection %s has become %s; is there a proxy that shares connections?", sqlsession.ErrGone, c.id, rows[0][0])
	}
	values := rows[0][1:]
	for i, l := range b.Unlock {
		if values[i] != "1" {
			return fmt.Errorf("RELEASE_LOCK of %s: %s, want 1: somebody else has released it", l.Key, values[i])
		}
	}
	for i := range b.Try {
		token, err := sessionToken(values[len(b.Unlock)+i])
		if err != nil {
			return err
		}
		b.Tokens[i] = token
	}
	return nil
}

// sessionToken reads what sessionGetLock returns.
func sessionToken(text string) (uint64, error) {
	if text == "NULL" {
		return 0, errors.New("GET_LOCK: NULL: the server has an error, or was told to end the statement")
	}
	return strconv.ParseUint(text, 10, 55)
}

// sessionForever is how long GET_LOCK waits at most: -1 is NULL on MariaDB.
const sessionForever = 365 * 24 * 3600

// Wait waits in the server's line. The statement has a comment in it for Inspect.
func (c *sessionConn) Wait(w *sqlsession.Waiting) (uint64, error) {
	text := fmt.Sprintf("SET SESSION wait_timeout = %d; %s %s", w.Window/time.Second, sqlsession.Comment(w), sessionGetLock(w.Key, sessionForever))
	c.busy.Lock()
	defer c.busy.Unlock()
	rows, err := c.query(context.Background(), text)
	switch {
	case err != nil:
		return 0, c.failure(err)
	case len(rows) != 1 || len(rows[0]) != 1:
		return 0, errors.New("unexpected answer")
	case rows[0][0] == "NULL":
		return 0, fmt.Errorf("%w: GET_LOCK is NULL", sqlsession.ErrInterrupted)
	}
	return sessionToken(rows[0][0])
}

// failure tells what an error says of the session.
func (c *sessionConn) failure(err error) error {
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused) && refused.Number == 1317: // query interrupted
		return fmt.Errorf("%w: %s", sqlsession.ErrInterrupted, refused.Message)
	case errors.As(err, &refused) && refused.Number != 1053 && refused.Number != 1927 && refused.Number != 4031: // shutdown, killed, silent
		return err
	}
	_ = c.conn.Close() // or its watcher would stay
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: no answer", driver.ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", sqlsession.ErrGone, err)
}
