package rowlock

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// table is what the catalogue says of a table.
type table struct {
	dialect Dialect
	// types are the types of the columns, in lower case.
	types map[string]string
	// indexes are those that serve a condition of equality.
	indexes []index
}

// index is one index: its columns in order, "" for an expression.
type index struct {
	unique  bool
	columns []string
}

// tables remembers the *table of a tableName, once it has served.
var tables sync.Map

type tableName struct {
	dialect Dialect
	name    string
}

// checkTable refuses a row whose columns the table does not have, or whose key serves
// does not accept. What was remembered is asked anew before it refuses anything, so that
// adding the index is enough.
func (c conn) checkTable(ctx context.Context, row Row, columns []string, serves func(*table, Row) error) error {
	accept := func(t *table) error {
		if err := t.has(row, columns); err != nil {
			return err
		}
		return serves(t, row)
	}
	name := tableName{row.Dialect, row.Table}
	if known, ok := tables.Load(name); ok && accept(known.(*table)) == nil {
		return nil
	}
	t, err := c.describe(ctx, row.Dialect, row.Table)
	if err != nil {
		return err
	}
	if err := accept(t); err != nil {
		return err
	}
	tables.Store(name, t)
	return nil
}

var (
	//go:embed sql/postgres_table.sql
	postgresTable string
	//go:embed sql/sqlite_table.sql
	sqliteTable string
)

// describe reads the catalogue.
//
// In MySQL information_schema will not do: reading it begins the transaction's snapshot,
// and a plain SELECT after the lock would then show the row as it was before (measured on
// 9.7). SHOW CREATE TABLE begins none.
func (c conn) describe(ctx context.Context, d Dialect, name string) (*table, error) {
	switch d {
	case PostgreSQL:
		return c.describeBy(ctx, d, postgresTable, d.quoteTable(name))
	case SQLite:
		var schema any // NULL: wherever the table is
		if before, after, ok := strings.Cut(name, "."); ok {
			schema, name = before, after
		}
		return c.describeBy(ctx, d, sqliteTable, name, schema)
	}
	var ddl string
	if err := c.one(ctx, "SHOW CREATE TABLE "+d.quoteTable(name), nil, new(string), &ddl); err != nil {
		return nil, err
	}
	return parseDDL(d, ddl), nil
}

func (c conn) describeBy(ctx context.Context, d Dialect, query string, args ...any) (*table, error) {
	t := &table{dialect: d, types: make(map[string]string)}
	last := ""
	err := c.Query(ctx, query, args, func(scan func(into ...any) error) error {
		var name, column, typ string
		var unique bool
		if err := scan(&name, &unique, &column, &typ, new(int64), new(int64)); err != nil {
			return err
		}
		switch {
		case name == "":
			t.types[column] = strings.ToLower(typ)
			return nil
		case name != last:
			t.indexes = append(t.indexes, index{unique: unique})
		}
		last = name
		serving := &t.indexes[len(t.indexes)-1]
		serving.columns = append(serving.columns, column)
		return nil
	})
	return t, err
}

// typeOf returns the type of a column, or "" if there is none.
func (t *table) typeOf(column string) string {
	for name, typ := range t.types {
		if t.dialect.equal(name, column) {
			return typ + " " // SQLite's may be empty
		}
	}
	return ""
}

// has refuses columns that the table does not have, and values that keep an index from
// being used.
func (t *table) has(row Row, columns []string) error {
	if len(t.types) == 0 {
		return errors.New("there is no such table, or no right to see it")
	}
	for _, name := range columns {
		if t.typeOf(name) == "" {
			return fmt.Errorf("the table has no column %q", name)
		}
	}
	for name, value := range row.key() {
		typ := t.typeOf(name)
		if typ == "" {
			return fmt.Errorf("the table has no column %q", name)
		}
		if t.dialect.innoDB() && isText(typ) && isNumber(value) {
			return fmt.Errorf("%w: column %q is %sand %v a %T: %v would turn every row's text into a number and lock them all: want a string",
				ErrNoIndex, name, typ, value, value, t.dialect)
		}
	}
	return nil
}

func isText(typ string) bool {
	return strings.Contains(typ, "char") || strings.Contains(typ, "text") || strings.HasPrefix(typ, "enum")
}

func isNumber(value any) bool {
	switch reflect.Indirect(reflect.ValueOf(value)).Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Bool:
		return true
	}
	return false
}

// serves refuses a key that no index begins with.
func (t *table) serves(row Row) error {
	for _, i := range t.indexes {
		if row.hasKey(i.columns[0]) {
			return nil
		}
	}
	return fmt.Errorf("%w begins with a column of the key: %s: add one", ErrNoIndex, t.without())
}

// identifies refuses a key that may be that of several rows.
func (t *table) identifies(row Row) error {
	for _, i := range t.indexes {
		if i.unique && i.within(row) {
			return nil
		}
	}
	if err := t.serves(row); err != nil {
		return err
	}
	return fmt.Errorf("%w makes the key unique: several rows would be written: want the primary key or a unique one", ErrNoIndex)
}

// within reports whether every column of the index is one of the row's key.
func (i index) within(row Row) bool {
	for _, column := range i.columns {
		if !row.hasKey(column) {
			return false
		}
	}
	return true
}

// without says what the database would do without an index.
func (t *table) without() string {
	switch t.dialect {
	case PostgreSQL:
		return "PostgreSQL would read the whole table for it"
	case SQLite:
		return "SQLite would read the whole table for it, and MySQL would lock it"
	}
	return t.dialect.String() + " would lock every row of the table"
}
