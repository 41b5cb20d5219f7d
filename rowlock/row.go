package rowlock

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Row names a row of the caller's table. It costs nothing to make; a Row with Read is
// for one goroutine at a time.
//
//	var num int
//	row := rowlock.Row{Table: "stock", Key: "id", Value: 42, Read: rowlock.Columns{"num": &num}}
//
// The names are spelt as the database stores them. What the catalogue says of a table is
// remembered by dialect and name for the life of the process, as long as it serves: two
// databases with tables of one name are taken to have the same indexes.
type Row struct {
	// Dialect is what the database speaks; zero asks it each time.
	Dialect Dialect
	// Table is the table; a dot parts schema and table.
	Table string
	// Key is the column that Value is looked for in: the primary key, mostly.
	Key string
	// Value is what Key has to be. It cannot be nil, which is equal to nothing.
	Value any
	// And holds the further columns of a key of several, and their values.
	And map[string]any
	// Read holds the columns to read and pointers to where they go. nil reads none.
	Read Columns
}

// Columns are columns of a row and pointers to the variables for their values: anything
// that Scan of the database's client can fill.
type Columns map[string]any

// String returns the table and the key: "stock id=42".
func (r Row) String() string {
	text := fmt.Sprintf("%s %s=%v", r.Table, r.Key, r.Value)
	for _, name := range slices.Sorted(maps.Keys(r.And)) {
		text += fmt.Sprintf(" %s=%v", name, r.And[name])
	}
	return text
}

func (r Row) check() error {
	and, read := slices.Collect(maps.Keys(r.And)), slices.Collect(maps.Keys(r.Read))
	err := errors.Join(r.Dialect.check(), checkNames("table", strings.SplitN(r.Table, ".", 2)...),
		checkNames("column", r.Key), checkNames("column", and...), checkNames("column", read...))
	if err != nil {
		return err
	}
	for name, value := range r.key() {
		if isNil(value) {
			return fmt.Errorf("key column %s: nil is equal to nothing: want a value", name)
		}
	}
	if _, twice := r.And[r.Key]; twice {
		return fmt.Errorf("key column %s is in Key and in And: want it once", r.Key)
	}
	for name, into := range r.Read {
		if v := reflect.ValueOf(into); v.Kind() != reflect.Pointer || v.IsNil() {
			return fmt.Errorf("column %s: cannot read into a %T: want a pointer", name, into)
		}
	}
	return nil
}

func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// key returns the key's columns and values, Key first.
func (r Row) key() func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		if !yield(r.Key, r.Value) {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(r.And)) {
			if !yield(name, r.And[name]) {
				return
			}
		}
	}
}

// hasKey reports whether column is one of the key's.
func (r Row) hasKey(column string) bool {
	for name := range r.key() {
		if r.Dialect.equal(name, column) {
			return true
		}
	}
	return false
}

// read returns the columns to read, in one order, and where they go.
func (r Row) read() (names []string, into []any) {
	names = slices.Sorted(maps.Keys(r.Read))
	for _, name := range names {
		into = append(into, r.Read[name])
	}
	return names, into
}

// deref returns the value that a pointer of Columns points to, as a parameter.
func deref(pointer any) any {
	if _, ok := pointer.(driver.Valuer); ok {
		return pointer
	}
	return reflect.ValueOf(pointer).Elem().Interface()
}

// statement is SQL under construction.
type statement struct {
	Dialect
	text strings.Builder
	args []any
}

// add appends SQL.
func (s *statement) add(text ...string) *statement {
	for _, t := range text {
		s.text.WriteString(t)
	}
	return s
}

// name appends an identifier.
func (s *statement) name(name string) *statement { return s.add(s.quote(name)) }

// param appends a placeholder and keeps its value.
func (s *statement) param(value any) *statement {
	s.args = append(s.args, value)
	if s.Dialect == PostgreSQL {
		return s.add(fmt.Sprintf("$%d", len(s.args)))
	}
	return s.add("?")
}

// where appends the condition that finds row.
func (s *statement) where(row Row) {
	before := " WHERE "
	for name, value := range row.key() {
		s.add(before).name(name).add(" = ").param(value)
		before = " AND "
	}
}
