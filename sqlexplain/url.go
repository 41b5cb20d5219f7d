package sqlexplain

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

//nolint:gosec // the password is the word password
const wantURL = "want mysql://user:password@host:3306/database or postgres://user:password@host:5432/database"

// connectTimeout bounds one try to reach the server.
const connectTimeout = 10 * time.Second

// open returns a pool for rawURL, and whether it is a PostgreSQL's. It does not connect.
// No error of it repeats the URL: there may be a password in it.
func open(rawURL string) (db *sql.DB, postgres bool, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return nil, false, fmt.Errorf("database URL: %w; %s", hideText(err, rawURL), wantURL)
	}
	var connector driver.Connector
	switch u.Scheme {
	case "mysql", "mariadb":
		connector, err = mysqlConnector(u)
	case "postgres", "postgresql":
		postgres = true
		connector, err = postgresConnector(u)
	default:
		err = fmt.Errorf("scheme %q is not known", u.Scheme)
	}
	if err != nil {
		return nil, false, fmt.Errorf("database URL %s: %w; %s", u.Redacted(), hide(err, u), wantURL)
	}
	return sql.OpenDB(connector), postgres, nil
}

// mysqlConnector turns a URL into the settings of the driver. Its only parameter is tls.
func mysqlConnector(u *url.URL) (driver.Connector, error) {
	if u.Hostname() == "" {
		return nil, errors.New("there is no host")
	}
	config := mysql.NewConfig()
	config.Net, config.DBName = "tcp", strings.TrimPrefix(u.Path, "/")
	config.Addr = net.JoinHostPort(u.Hostname(), portOr(u, "3306"))
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Timeout = connectTimeout
	config.ClientFoundRows = true      // an UPDATE counts the rows that match, changed or not
	config.Logger = &mysql.NopLogger{} // what it meets comes back as an error
	for name, values := range u.Query() {
		if name != "tls" || len(values) != 1 || !slices.Contains([]string{"true", "false", "skip-verify", "preferred"}, values[0]) {
			return nil, fmt.Errorf("parameter %q: the only one is tls=true|false|skip-verify|preferred", name)
		}
		config.TLSConfig = values[0]
	}
	return mysql.NewConnector(config)
}

// postgresConnector lets pgx read the URL. A statement is never kept prepared, so that
// a pooler is no problem.
func postgresConnector(u *url.URL) (driver.Connector, error) {
	if u.Hostname() == "" {
		return nil, errors.New("there is no host")
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = connectTimeout
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.GetConnector(*config), nil
}

func portOr(u *url.URL, port string) string {
	if u.Port() != "" {
		return u.Port()
	}
	return port
}

// hide takes the password of u out of the text of err.
func hide(err error, u *url.URL) error {
	password, ok := u.User.Password()
	if !ok {
		return err
	}
	return hideText(hideText(err, password), url.QueryEscape(password))
}

func hideText(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "xxxxx"))
}
