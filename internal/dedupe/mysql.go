package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlEngine is MySQL 8 and later, and MariaDB.
type mysqlEngine struct {
	backquoted
	maria bool
}

func (e mysqlEngine) name() string {
	if e.maria {
		return "mariadb"
	}
	return "mysql"
}

// openMySQL opens a pool whose sessions have what this package relies on. They end with
// it, and so do their settings.
func openMySQL(ctx context.Context, u *url.URL) (*Database, error) {
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.Trim(u.Path, "/")
	if u.Port() == "" {
		config.Addr = u.Host + ":3306"
	}
	for name, value := range u.Query() {
		if name != "tls" {
			return nil, usage("unknown parameter %q, want tls", name)
		}
		config.TLSConfig = value[0]
	}
	config.ClientFoundRows = true // an update counts what it matched
	config.Logger = &mysql.NopLogger{}
	maria, err := isMariaDB(ctx, config)
	if err != nil {
		return nil, err
	}
	config.Params = mysqlSession(maria)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, usage("%v", err)
	}
	return &Database{DB: sql.OpenDB(connector), engine: mysqlEngine{maria: maria}}, nil
}

func isMariaDB(ctx context.Context, config *mysql.Config) (bool, error) {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return false, usage("%v", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	var version string
	err = db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
	return strings.Contains(version, "MariaDB"), err
}

// mysqlSession are the system variables of a session of pawl. The lists of primary keys
// must stay lists: MySQL turns one of over 8 MB of its memory into a full scan, MariaDB one of 1,000
// values into a join.
func mysqlSession(maria bool) map[string]string {
	session := map[string]string{
		"time_zone":                "'+00:00'", // no hour comes twice
		"sql_mode":                 "'STRICT_TRANS_TABLES'",
		"innodb_lock_wait_timeout": fmt.Sprint(int(lockWait.Seconds())),
		"lock_wait_timeout":        fmt.Sprint(int(lockWait.Seconds())),
	}
	if maria {
		session["tx_isolation"] = "'READ-COMMITTED'"
		session["in_predicate_conversion_threshold"] = "0"
		return session
	}
	session["transaction_isolation"] = "'READ-COMMITTED'"
	session["range_optimizer_max_mem_size"] = "0"
	return session
}

// read widens a FLOAT, which the server would round to six digits where it answers in text.
func (mysqlEngine) read(expr string, c column) string {
	if c.typ == "float" {
		return "(" + expr + " + 0E0)"
	}
	return expr
}

// bind casts a decimal: beside one, the driver's text would be compared as a float.
func (mysqlEngine) bind(c column, _ int) string {
	if strings.HasPrefix(c.typ, "decimal(") {
		kind, _, _ := strings.Cut(c.typ, ")")
		return "CAST(? AS " + kind + "))"
	}
	return "?"
}

func (mysqlEngine) in(s *statement, names []string, cols []column, rows [][]any) {
	rowIn(s, names, cols, rows, "")
}

func (e mysqlEngine) hint(index string) string { return " FORCE INDEX (" + e.quote(index) + ")" }

func (mysqlEngine) forUpdate() string { return " FOR UPDATE" }

func (e mysqlEngine) byPrimary() string { return e.hint("PRIMARY") }

func (mysqlEngine) check(ctx context.Context, db *sql.DB) error {
	var readOnly bool
	if _, err := one(ctx, db, "SELECT @@global.read_only OR @@global.innodb_read_only", nil, &readOnly); err != nil {
		return err
	}
	if readOnly {
		return refused("the server is read-only (read_only or innodb_read_only): want the URL of the primary")
	}
	return nil
}

func (mysqlEngine) describe(ctx context.Context, db *sql.DB, name string) (*table, error) {
	t := &table{}
	schema, bare := splitName(name)
	var kind, engine, options string
	found, err := one(ctx, db, query("mysql_table"), []any{schema, bare}, &t.schema, &t.name, &kind, &engine, &options)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, usage("no table %s in this database, or no privilege to see it", name)
	case strings.Contains(kind, "VIEW"):
		return nil, refused("%s is a view: want the table under it", name)
	case kind != "BASE TABLE":
		return nil, refused("%s is of the kind %s: want an ordinary table", name, kind)
	case strings.Contains(options, "partitioned"):
		return nil, refused("%s is a partitioned table: want an ordinary one; one partition can be moved out with ALTER TABLE ... EXCHANGE PARTITION", name)
	case !strings.EqualFold(engine, "InnoDB"):
		return nil, refused("%s uses the engine %s, which has no transactions: want ALTER TABLE ... ENGINE=InnoDB first", name, engine)
	}
	var c column
	var data, full string
	var place int
	err = each(ctx, db, query("mysql_columns"), []any{t.schema, t.name}, []any{&c.name, &data, &full, &c.nullable, &place}, func() {
		c.typ = mysqlType(data, full)
		t.add(c, place)
	})
	t.sortPrimary()
	return t, err
}

// mysqlType is the type as bind and walks want to know it.
func mysqlType(data, full string) string {
	if data == "decimal" {
		return full
	}
	return data
}

// splitName parts a schema from the table.
func splitName(name string) (schema, table string) {
	if before, after, found := strings.Cut(name, "."); found {
		return before, after
	}
	return "", name
}

// walks refuses types that are ordered by something else than the value they are read as:
// an ENUM by its number, a SET and a BIT by theirs.
func (mysqlEngine) walks(c column) bool {
	return !slices.Contains([]string{"enum", "set", "bit", "json", "geometry"}, c.typ)
}

func (mysqlEngine) indexes(ctx context.Context, db *sql.DB, t *table) ([]index, error) {
	var found indexList
	var name string
	var unique bool
	var col *string
	err := each(ctx, db, query("mysql_indexes"), []any{t.schema, t.name}, []any{&name, &unique, &col}, func() {
		found.add(name, unique, col)
	})
	return found.all, err
}

// references refuses the one kind that InnoDB does not protect: an insert locks the index
// entry that its foreign key points at, and unless that is the primary key, this is not
// what a batch has locked. A delete would then silently take the new row with it.
func (mysqlEngine) references(ctx context.Context, db *sql.DB, t *table) ([]reference, error) {
	var found referenceList
	var r reference
	var from column
	var to, data, full string
	err := each(ctx, db, query("mysql_references"), []any{t.schema, t.name},
		[]any{&r.name, &r.schema, &r.table, &from.name, &to, &data, &full, &r.silent}, func() {
			from.typ = mysqlType(data, full)
			found.add(r, from, to)
		})
	for _, r := range found.all {
		if r.silent && !slices.Equal(r.to, names(t.primary)) {
			return nil, refused("foreign key %s of %s points at %s, which is not the primary key, and deletes or changes its rows by itself: want it ON DELETE RESTRICT meanwhile",
				r.name, r.table, strings.Join(r.to, ", "))
		}
	}
	return found.all, err
}

func (mysqlEngine) createAs() string { return " ENGINE=InnoDB AS " }

// addUnique has nothing to undo: InnoDB's DDL is done whole or not at all.
func (e mysqlEngine) addUnique(ctx context.Context, db *sql.DB, t *table, name string, _ bool) error {
	_, err := db.ExecContext(ctx, "ALTER TABLE "+quoteTable(e, t.schema, t.name)+" ADD UNIQUE INDEX "+e.quote(name)+" ("+list(e, t.key)+")")
	return err
}

func (mysqlEngine) stateTable(name string) string {
	return "CREATE TABLE IF NOT EXISTS " + name + " (id INT NOT NULL PRIMARY KEY, token BIGINT NOT NULL," +
		" about MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, progress MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL) ENGINE=InnoDB"
}

func (mysqlEngine) fault(err error) fault {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return fatal
	}
	switch e.Number {
	case 1205, 1213, 3572, 1020: // lock wait timeout, deadlock, NOWAIT, record has changed (MariaDB)
		return transient
	case 1451: // a foreign key came to point at it after we looked
		return transient
	case 1062:
		return duplicate
	}
	return fatal
}

func (mysqlEngine) advice(err error) string {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Number {
	case 1044, 1142, 1143, 1227:
		return "want the privileges SELECT, INSERT, UPDATE, DELETE, CREATE, DROP and, for the unique index, ALTER and INDEX on this database"
	case 1045:
		return "want a user and a password that the server knows"
	case 1049:
		return "want a database that is there"
	case 1290, 1836:
		return "the server is read-only: want the URL of the primary"
	case 1665:
		return "the server's binary log is by statement: want binlog_format=ROW"
	case 1170:
		return "a TEXT or BLOB column has no whole index: want a VARCHAR, or leave --add-unique-index out"
	}
	return ""
}
