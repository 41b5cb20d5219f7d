package mysqllock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/driver"
)

const (
	// schemaVersion is the newest of the schema files.
	schemaVersion = 1
	// lineSuffix is what the table of the lines is called by, after the lock table.
	lineSuffix = "_line"
	// mark begins the comment of the lock table; the version of the tables follows.
	mark = "pawl "
)

// DDL returns the statements that make the tables, for somebody who may when the user of
// the locks may not. That user needs SELECT, INSERT, UPDATE and DELETE on both. An empty
// table means DefaultTable.
func DDL(table string) string {
	if table == "" {
		table = DefaultTable
	}
	text := ""
	for version := 1; version <= schemaVersion; version++ {
		text += withTables(readFile(schemaFile(version)), table) + ";\n"
	}
	return text
}

func schemaFile(version int) string { return fmt.Sprintf("sql/schema_%d.sql", version) }

// plainName is what a table may be called. The statements are made of texts in which
// other characters have a meaning.
var plainName = regexp.MustCompile(`^[\p{L}\p{N}_$-]+$`)

func checkTable(table string) error {
	const most = 64 - len(lineSuffix) // characters, of the server's 64
	if !plainName.MatchString(table) || len([]rune(table)) > most {
		return invalid("table %q: want at most %d letters, digits, _, $ and -, without the database", table, most)
	}
	return nil
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// prepare sees to the tables, and refuses a server or tables that will not do.
func (db *database) prepare(ctx context.Context, create bool) error {
	for _, step := range []func(context.Context) error{
		db.readVersion,
		func(ctx context.Context) error { return db.migrate(ctx, create) },
		db.checkShape,
		db.probe,
	} {
		if err := db.first(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// first runs a step at the first contact, where nothing is tried again.
func (db *database) first(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*db.timeout) // to connect, and to ask
	defer cancel()
	err := step(ctx)
	if err == nil || isOurs(err) {
		return err
	}
	return db.explain(ctx, err)
}

func (db *database) readVersion(ctx context.Context) error {
	if err := db.pool.QueryRowContext(ctx, "SELECT VERSION()").Scan(&db.version); err != nil {
		return err
	}
	var major, minor int
	if n, _ := fmt.Sscanf(db.version, "%d.%d", &major, &minor); n < 2 {
		return nil // not MySQL, but something that speaks like it
	}
	least := [2]int{8, 0}
	if db.flavour() == "mariadb" {
		least = [2]int{10, 6}
	}
	if major < least[0] || major == least[0] && minor < least[1] {
		return invalid("version %s: want MySQL 8.0 or MariaDB 10.6 or later", db.version)
	}
	return nil
}

// migrate brings the tables up to date.
func (db *database) migrate(ctx context.Context, create bool) error {
	version, err := db.schemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case version > schemaVersion:
		return invalid("table %s was made by a newer pawl: version %d, this one knows up to %d", db.table, version, schemaVersion)
	case version == schemaVersion:
		return nil
	case !create:
		return invalid("no table %s of version %d: run the statements of mysqllock.DDL(%q)", db.table, schemaVersion, db.table)
	}
	for ; version < schemaVersion; version++ { // others may do the same at the same time
		text := withTables(readFile(schemaFile(version+1)), db.table)
		if _, err := db.pool.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// schemaVersion returns the version of the tables, 0 when there are none. Tables that are
// not pawl's are refused.
func (db *database) schemaVersion(ctx context.Context) (version int, err error) {
	err = db.each(ctx, statement("tables"), []any{db.table, db.table + lineSuffix}, func(rows *sql.Rows) error {
		var table, comment string
		var engine sql.NullString // null for a view
		if err := rows.Scan(&table, &engine, &comment); err != nil {
			return err
		}
		if !strings.EqualFold(engine.String, "InnoDB") {
			return invalid("table %s: engine %q, want InnoDB: drop it or name another table", table, engine.String)
		}
		if table != db.table {
			return nil
		}
		text, ours := strings.CutPrefix(comment, mark)
		if version, err = strconv.Atoi(text); err != nil || !ours {
			return invalid("table %s is not one of pawl's: name another table", table)
		}
		return nil
	})
	return version, err
}

// column matches a line of a schema file that has one.
var column = regexp.MustCompile(`^\t(\w+)\s+(BIGINT|INT|TINYINT|BLOB|VARBINARY\(\d+\))\s`)

// checkShape compares the tables' columns and keys with those of the schema.
func (db *database) checkShape(ctx context.Context) error {
	want := map[string]bool{
		db.table + " key PRIMARY (name)":                     true,
		db.table + lineSuffix + " key PRIMARY (seq)":         true,
		db.table + lineSuffix + " key holder (name,holder)":  true,
		db.table + lineSuffix + " key place (name,kind,seq)": true,
		db.table + lineSuffix + " key client (client,kind)":  true,
	}
	table := db.table + lineSuffix // comes first
	for line := range strings.Lines(readFile(schemaFile(1))) {
		if strings.Contains(line, "{lock}") {
			table = db.table
		}
		if m := column.FindStringSubmatch(line); m != nil {
			want[table+" column "+m[1]+" "+strings.ToLower(m[2])] = true
		}
	}
	names := []any{db.table, db.table + lineSuffix}
	err := db.each(ctx, statement("shape"), slices.Concat(names, names), func(rows *sql.Rows) error {
		var has string
		err := rows.Scan(&has)
		delete(want, has)
		return err
	})
	if err != nil || len(want) == 0 {
		return err
	}
	return invalid("table of another shape, no %s: drop it or name another table", slices.Min(slices.Collect(maps.Keys(want))))
}

// probe finds out, with statements that change nothing, whether this user may change the
// tables and whether the server lets anybody.
func (db *database) probe(ctx context.Context) error {
	_, err := db.exec(ctx, "probe")
	return err
}

// explain says what went wrong at the first contact.
func (db *database) explain(ctx context.Context, err error) error {
	text := oneLine{err}.Error()
	switch number(err) {
	case errAccessDenied:
		return invalid("wrong user or password: %s", text)
	case errDatabaseDenied, errNoDatabase:
		return invalid("database %q: %s", db.config.DBName, text)
	case errTableDenied:
		return invalid("no privilege on table %s: let somebody who may run the statements of mysqllock.DDL(%q), and grant SELECT, INSERT, UPDATE and DELETE: %s",
			db.table, db.table, text)
	case errReadOnly, errReadOnlyTx, errMariaReadOnly:
		return invalid("the server is read-only: want the primary: %s", text)
	case errBinlogFormat:
		return invalid("binlog_format is STATEMENT: want ROW or MIXED: %s", text)
	case errNoSuchTable:
		return invalid("table %s: %s", db.table, text)
	}
	switch {
	case strings.Contains(text, "x509: ") || strings.Contains(text, "tls: "):
		return invalid("TLS: %s", text)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, db.timeout)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(err)
}
