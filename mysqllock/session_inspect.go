package mysqllock

import (
	"context"
	"fmt"
	"strings"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// Inspect shows the session that holds the lock, and those that wait: on MariaDB those of
// this driver. A holder's id is the server's connection id, and its note says where it
// comes from; what waits here is known by its holder id.
func (d *sessionDriver) Inspect(ctx context.Context, name string) (driver.State, error) {
	users, err := d.users(ctx, name)
	return sqlsession.State(name, users), err
}

// List is not possible: a hash does not tell its name, and MariaDB tells none.
func (d *sessionDriver) List(context.Context, string) ([]driver.State, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the server does not tell the names of session locks: inspect one name, or use mode=table: %w", driver.ErrUnsupported)
}

// Break is not possible; see NewSession.
func (d *sessionDriver) Break(ctx context.Context, name string) error {
	users, err := d.users(ctx, name)
	if err == nil {
		_, err = sqlsession.Holders(users)
	}
	if err == nil {
		err = sqlsession.ErrBreak
	}
	return err
}

// Force ends the session that holds the lock, with all locks that it has.
func (d *sessionDriver) Force(ctx context.Context, name string) error {
	users, err := d.users(ctx, name)
	if err != nil {
		return err
	}
	holders, err := sqlsession.Holders(users)
	if err != nil {
		return err
	}
	_, err = d.server.ask(ctx, "KILL "+strings.TrimPrefix(holders[0].ID, "connection "))
	return err
}

// users returns who holds name and who waits, in the order of the line.
func (d *sessionDriver) users(ctx context.Context, name string) ([]sqlsession.User, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	file := "inspect_mysql"
	if d.server.mariaDB {
		file = "inspect_mariadb"
	}
	key := d.server.Key(name)
	rows, err := d.server.ask(ctx, strings.NewReplacer("{key}", key, "{comment}", sqlsession.CommentStart(key)).Replace(sessionSQL(file)))
	var users []sqlsession.User
	for _, row := range rows {
		users = append(users, sqlsession.User{
			ID: "connection " + row[0], Granted: row[1] == "1", From: row[2] + " from " + row[3], Query: row[4], Program: row[5],
		})
	}
	return users, err
}
