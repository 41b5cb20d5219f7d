package mysqllock

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/go-sql-driver/mysql"
)

// parseDSN reads dsn and sets what the driver relies on.
func parseDSN(dsn string) (*mysql.Config, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, invalid("DSN: %v", err) // the text has no password in it
	}
	if config.DBName == "" {
		return nil, invalid("no database in the DSN: want user:password@tcp(host:port)/database")
	}
	return config, nil
}

// setUp sets what every statement relies on. Statements travel together, which takes
// multiStatements, and those with values take interpolateParams; values are escaped by
// the client for the session's own settings.
func setUp(config *mysql.Config, timeout time.Duration) *mysql.Config {
	config = config.Clone()
	config.MultiStatements = true
	config.InterpolateParams = true
	config.ClientFoundRows = false
	config.ParseTime = false
	config.CheckConnLiveness = true
	config.Timeout = timeout
	config.ReadTimeout, config.WriteTimeout = 0, 0 // contexts bound each call
	config.Logger = &mysql.NopLogger{}             // every error is returned
	return config
}

// connector makes connections whose sessions are set up, in one more round trip.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	session, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the client cannot run statements"), conn.Close())
	}
	if _, err := session.ExecContext(ctx, statement("session"), nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
