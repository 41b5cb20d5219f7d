package fence

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Dialect is the SQL that a database speaks. The zero value is none and refused.
type Dialect uint8

const (
	// SQLite is SQLite 3.24 or later, through any database/sql driver.
	SQLite Dialect = iota + 1
	// MySQL is MySQL 8.0 or later, or MariaDB 10.6 or later, with InnoDB tables, with or
	// without the driver's clientFoundRows.
	MySQL
	// PostgreSQL is PostgreSQL 9.5 or later. Placeholders are $1, $2 and so on.
	PostgreSQL
)

// String returns the name of the dialect.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case MySQL:
		return "MySQL"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

func (d Dialect) check() error {
	if d < SQLite || d > PostgreSQL {
		return fmt.Errorf("%v: want SQLite, MySQL or PostgreSQL", d)
	}
	return nil
}

// quote returns name as an identifier, whatever it contains.
//
// SQLite gets backquotes as MySQL does: it reads a misspelt column in double quotes
// as a string, and `WHERE "idd" = 'idd'` would then be true for every row.
func (d Dialect) quote(name string) string {
	mark := "`"
	if d == PostgreSQL {
		mark = `"`
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// quoteTable quotes a table, in which a dot parts schema and name.
func (d Dialect) quoteTable(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = d.quote(part)
	}
	return strings.Join(parts, ".")
}

// param returns the placeholder of the nth parameter, counted from 1.
//
// SQLite could number them too, but then a value that the caller forgot would be
// filled with one of ours instead of being an error.
func (d Dialect) param(n int) string {
	if d == PostgreSQL {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

var numbered = regexp.MustCompile(`\$[0-9]+`)

// checkParams refuses a placeholder for which there is no value of the caller's: it
// would get one of ours.
func (d Dialect) checkParams(text string, values int) error {
	if d != PostgreSQL {
		return nil // the driver counts them
	}
	for _, p := range numbered.FindAllString(text, -1) {
		n, err := strconv.Atoi(p[1:])
		if err != nil || n < 1 || n > values {
			return fmt.Errorf("%q uses %s, but there are %d values", text, p, values)
		}
	}
	return nil
}

// changedOnly reports whether an update that sets a row to what it was may count as
// none: MySQL reports changed rows, not matched ones, by default.
func (d Dialect) changedOnly() bool { return d == MySQL }

// lockingRead ends a SELECT that must see what an UPDATE of the same transaction has
// seen. MySQL's plain reads are from the transaction's snapshot, its updates are not.
func (d Dialect) lockingRead() string {
	if d == MySQL {
		return " FOR UPDATE"
	}
	return ""
}

// checkNames refuses identifiers that no quoting can save.
func checkNames(names ...string) error {
	for _, name := range names {
		if name == "" || strings.ContainsRune(name, 0) {
			return errors.New("a table or column without a name, or with a zero byte in it")
		}
	}
	return nil
}
