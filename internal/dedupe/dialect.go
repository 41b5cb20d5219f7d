package dedupe

import (
	"context"
	"database/sql"
	"strings"
)

// backquoted is what MySQL, MariaDB and SQLite have in common.
type backquoted struct{}

// quote uses backquotes for SQLite too: it reads a misspelt column in double quotes as a
// string.
func (backquoted) quote(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

func (backquoted) bind(column, int) string { return "?" }

func (backquoted) number(int) string { return "?" }

func (backquoted) nullsFirst() bool { return true }

func (backquoted) order(expr string, newest bool) string {
	if newest {
		return expr + " DESC"
	}
	return expr
}

func (backquoted) moves() bool { return false }

func (backquoted) settled() bool { return true }

func (backquoted) prepare(context.Context, *sql.Tx) error { return nil }
