package mysqllock

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// sessionParams are the parameters of a URL.
var sessionParams = []string{"mode", "prefix", "timeout", "tls", "waiters"}

// openSession opens a URL with mode=session: see NewSession. tls is what
// go-sql-driver/mysql takes: true, skip-verify or preferred.
func openSession(ctx context.Context, u *url.URL) (driver.Driver, error) {
	params, err := sqlsession.ParseParams(u, sessionParams, nil)
	if err != nil {
		return nil, err
	}
	config, err := sessionConfig(u, params.Get("tls"))
	if err != nil {
		return nil, err
	}
	return sessionNew(ctx, config, &SessionOptions{Prefix: params.Get("prefix"), Timeout: params.Timeout, Waiters: params.Waiters})
}

// sessionConfig reads what a URL says of the server.
func sessionConfig(u *url.URL, secure string) (*mysql.Config, error) {
	if !slices.Contains([]string{"", "true", "false", "skip-verify", "preferred"}, secure) {
		return nil, sqlsession.Invalid("tls %q: want true, false, skip-verify or preferred", secure)
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return nil, sqlsession.Invalid("want mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.DBName, config.TLSConfig = "tcp", strings.Trim(u.Path, "/"), secure
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	config.Addr = net.JoinHostPort(u.Hostname(), port)
	return config, nil
}

// prepare asks the server whether it will do.
func (s *sessionServer) prepare(ctx context.Context) error {
	rows, err := s.ask(ctx, sessionSQL("examine"))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	version, clock := rows[0][0], rows[0][2]
	s.mariaDB = strings.Contains(version, "MariaDB")
	if clock != "1" {
		return sqlsession.Invalid("the server runs with sysdate-is-now: tokens need the time of the grant, not that of the statement; start it without, or use mode=table")
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n == 2 && !s.mariaDB && (major < 5 || major == 5 && minor < 7) {
		return sqlsession.Invalid("MySQL %s: session mode wants 5.7 or later, where a session can have several locks; mode=table works", version)
	}
	return nil
}

// ask runs one statement that has nothing to do with the sessions that hold locks.
func (s *sessionServer) ask(ctx context.Context, text string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	rows, err := s.aux.query(ctx, s, text)
	if err == nil {
		return rows, nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %v", s.timeout)
	}
	return nil, sessionExplain(err)
}

// sessionAux is a connection for everything but locks, made when it is needed.
type sessionAux struct {
	mu     sync.Mutex
	conn   *sessionConn
	closed bool
}

func (a *sessionAux) query(ctx context.Context, s *sessionServer, text string) ([][]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, driver.ErrClosed
	}
	if a.conn != nil && a.conn.raw.HasGone() {
		a.drop()
	}
	if a.conn == nil {
		conn, err := s.dial(ctx, "")
		if err != nil {
			return nil, err
		}
		a.conn = conn
	}
	rows, err := a.conn.query(ctx, text)
	if err != nil {
		a.drop()
	}
	return rows, err
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
