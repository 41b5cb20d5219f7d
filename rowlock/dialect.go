package rowlock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Dialect is the SQL that a database speaks. The zero value means that it is asked,
// which costs a round trip each time: ask once with [Detect] and set it.
type Dialect uint8

const (
	// SQLite is SQLite 3.42 or later, through any database/sql driver.
	SQLite Dialect = iota + 1
	// MySQL is MySQL 8.0 or later with InnoDB tables.
	MySQL
	// MariaDB is MariaDB 10.6 or later with InnoDB tables.
	MariaDB
	// PostgreSQL is PostgreSQL 12 or later.
	PostgreSQL
)

// String returns the name of the dialect.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case MySQL:
		return "MySQL"
	case MariaDB:
		return "MariaDB"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// Detect asks the database what it is. It leaves a transaction as it is: nothing is
// read from a table, so no snapshot begins.
//
// Errors: those of the database, or that it is none of the four.
func Detect(ctx context.Context, db Conn) (Dialect, error) {
	c, err := open(db)
	if err != nil {
		return 0, fmt.Errorf("rowlock: %w", err)
	}
	d, err := c.detect(ctx)
	if err != nil {
		return 0, fmt.Errorf("rowlock: which database is this? %w", err)
	}
	return d, nil
}

func (c conn) detect(ctx context.Context) (Dialect, error) {
	var version string
	err := c.one(ctx, "SELECT VERSION()", nil, &version)
	if err != nil {
		// SQLite has no such function, and an error there ends no transaction.
		if c.one(ctx, "SELECT sqlite_version()", nil, &version) == nil {
			return SQLite, nil
		}
		return 0, err
	}
	switch {
	case strings.HasPrefix(version, "PostgreSQL"):
		return PostgreSQL, nil
	case strings.Contains(version, "MariaDB"):
		return MariaDB, nil
	case version[:1] >= "0" && version[:1] <= "9":
		return MySQL, nil
	}
	return 0, fmt.Errorf("version %q: want MySQL, MariaDB, PostgreSQL or SQLite", version)
}

func (d Dialect) check() error {
	if d > PostgreSQL {
		return fmt.Errorf("%v: want SQLite, MySQL, MariaDB, PostgreSQL or none", d)
	}
	return nil
}

// innoDB reports whether rows are locked as InnoDB does it.
func (d Dialect) innoDB() bool { return d == MySQL || d == MariaDB }

// quote returns name as an identifier, whatever it contains.
//
// SQLite gets backquotes as MySQL does: it reads a misspelt column in double quotes as a
// string, and `WHERE "idd" = 'idd'` would then be true for every row.
func (d Dialect) quote(name string) string {
	mark := "`"
	if d == PostgreSQL {
		mark = `"`
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// quoteTable quotes a table, in which a dot parts schema and name.
func (d Dialect) quoteTable(name string) string {
	if schema, table, ok := strings.Cut(name, "."); ok {
		return d.quote(schema) + "." + d.quote(table)
	}
	return d.quote(name)
}

// equal reports whether two names of columns are one: PostgreSQL alone tells upper from
// lower case.
func (d Dialect) equal(a, b string) bool {
	return a == b || d != PostgreSQL && strings.EqualFold(a, b)
}

// checkNames refuses identifiers that no quoting can save.
func checkNames(what string, names ...string) error {
	for _, name := range names {
		if name == "" {
			return errors.New("a " + what + " without a name")
		}
		if strings.ContainsRune(name, 0) {
			return fmt.Errorf("%s %q: a zero byte in the name", what, name)
		}
	}
	return nil
}
