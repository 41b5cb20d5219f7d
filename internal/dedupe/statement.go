package dedupe

import (
	"strconv"
	"strings"
)

// statement is SQL with its parameters. Identifiers are quoted, and of the values none but
// integers stand in the text.
type statement struct {
	engine engine
	text   strings.Builder
	args   []any
}

func newStatement(e engine) *statement { return &statement{engine: e} }

// add appends text.
func (s *statement) add(parts ...string) *statement {
	for _, part := range parts {
		s.text.WriteString(part)
	}
	return s
}

// value appends a parameter that is compared with column c.
func (s *statement) value(c column, v any) {
	s.args = append(s.args, v)
	s.add(s.engine.bind(c, len(s.args)))
}

// item appends a value of a long list that is compared with column c: the digits of an
// integer, since a server that has to prepare a thousand parameters takes a millisecond
// for that alone.
func (s *statement) item(c column, v any) {
	switch n := v.(type) {
	case int64:
		s.add(strconv.FormatInt(n, 10))
	case uint64:
		s.add(strconv.FormatUint(n, 10))
	default:
		s.value(c, v)
	}
}

// number appends a parameter of pawl's own.
func (s *statement) number(v any) *statement {
	s.args = append(s.args, v)
	return s.add(s.engine.number(len(s.args)))
}

// in appends the condition that cols are those of one of rows.
func (s *statement) in(cols []column, rows [][]any) *statement {
	s.engine.in(s, quoted(s.engine, cols), cols, rows)
	return s
}

// notNull appends, after before, that no column is NULL.
func (s *statement) notNull(before string, cols []column) *statement {
	for _, c := range nullables(cols) {
		s.add(before, s.engine.quote(c.name), " IS NOT NULL")
		before = " AND "
	}
	return s
}

func quoted(e engine, cols []column) (all []string) {
	for _, c := range cols {
		all = append(all, e.quote(c.name))
	}
	return all
}

func list(e engine, cols []column) string { return strings.Join(quoted(e, cols), ", ") }

// reads is the list of what reads cols of the table called alias, which ends in a dot
// or is empty.
func reads(e engine, alias string, cols []column) string {
	var all []string
	for _, c := range cols {
		all = append(all, e.read(alias+e.quote(c.name), c))
	}
	return strings.Join(all, ", ")
}

// qualified is the list of cols of the table called prefix, which ends in a dot. ORDER BY
// wants it: a bare name there is the column that is read, which may be its text.
func qualified(e engine, prefix string, cols []column) string {
	all := quoted(e, cols)
	for i := range all {
		all[i] = prefix + all[i]
	}
	return strings.Join(all, ", ")
}

// quoteTable quotes a table with its schema, if it has one.
func quoteTable(e engine, schema, name string) string {
	if schema == "" {
		return e.quote(name)
	}
	return e.quote(schema) + "." + e.quote(name)
}

// rowIn writes "(a, b) IN ((1, ?), ...)", the form of MySQL, and with values of SQLite. A
// single column of MySQL goes without the inner parentheses, which cost it as much time as
// the numbers in them.
func rowIn(s *statement, names []string, cols []column, rows [][]any, values string) {
	open, end := "(", ")"
	if len(names) == 1 && values == "" {
		open, end = "", ""
	}
	s.add(open, strings.Join(names, ", "), end, " IN (", values)
	for i, row := range rows {
		if i > 0 {
			s.add(", ")
		}
		s.add(open)
		for j, v := range row {
			if j > 0 {
				s.add(", ")
			}
			s.item(cols[j], v)
		}
		s.add(end)
	}
	s.add(")")
}
