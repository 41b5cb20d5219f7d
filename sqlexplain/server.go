package sqlexplain

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
)

// Server is a database server that can be asked for its locks. Goroutines may share it.
type Server struct {
	db     *sql.DB
	engine engine
	url    *url.URL
	// version is the server's own text.
	version string
}

// Open connects to the server of a URL: mysql://user:password@host:port/database for
// MySQL and MariaDB, postgres://user:password@host:port/database for PostgreSQL. Its
// errors never hold the password. The caller closes the server.
func Open(ctx context.Context, rawURL string) (*Server, error) {
	db, postgres, err := open(rawURL)
	if err != nil {
		return nil, err
	}
	s := &Server{db: db}
	s.url, _ = url.Parse(rawURL)
	if err := s.recognise(ctx, postgres); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("database %s: %w", s.url.Redacted(), hide(err, s.url))
	}
	return s, nil
}

// recognise asks the server what it is.
func (s *Server) recognise(ctx context.Context, postgres bool) error {
	query := "SELECT version()"
	if postgres {
		query = "SHOW server_version"
	}
	if err := s.db.QueryRowContext(ctx, query).Scan(&s.version); err != nil {
		return err
	}
	switch {
	case postgres:
		s.engine = postgresEngine{}
	case strings.Contains(s.version, "MariaDB"):
		s.engine = mariadbEngine{}
	case strings.HasPrefix(s.version, "5."):
		return fmt.Errorf("MySQL %s has no performance_schema.data_locks; want MySQL 8 or later", s.version)
	default:
		s.engine = mysqlEngine{}
	}
	return nil
}

// Engine returns "mysql", "mariadb" or "postgresql".
func (s *Server) Engine() string { return s.engine.name() }

// Version returns the server's version in its own words.
func (s *Server) Version() string { return s.version }

// Close closes the connections.
func (s *Server) Close() error { return s.db.Close() }
