package pglock

import (
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/*.sql
var files embed.FS

// nowUS is the server's clock, which goes on during a statement, in microseconds since
// 1970, UTC: no time zone and no daylight saving has a part in it.
const nowUS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// statements are the SQL files by their names, with the names of the tables put in.
type statements map[string]string

func statementsFor(table string) statements {
	entries, err := files.ReadDir("sql")
	if err != nil {
		panic(err) // they are embedded
	}
	all := make(statements, len(entries))
	replace := strings.NewReplacer(
		"{lock}", quoteTable(table, ""), "{lease}", quoteTable(table, "_lease"),
		"{waiter}", quoteTable(table, "_waiter"), "{mark}", quoteTable(table, "_mark"), "NOW_US", nowUS)
	for _, entry := range entries {
		text, err := files.ReadFile("sql/" + entry.Name())
		if err != nil {
			panic(err)
		}
		all[strings.TrimSuffix(entry.Name(), ".sql")] = replace.Replace(string(text))
	}
	return all
}

// step returns the statement of that name as a step whose rows do not matter.
func (s statements) step(name string, args ...any) step {
	text, ok := s[name]
	if !ok {
		panic(fmt.Sprintf("no statement %q", name))
	}
	return step{sql: text, args: args}
}

// reading returns the statement of that name, with what is done with its rows.
func (s statements) reading(name string, read func(pgx.Rows) error, args ...any) step {
	st := s.step(name, args...)
	st.read = read
	return st
}

// quoteTable quotes table, which may have its schema before a dot, with suffix.
func quoteTable(table, suffix string) string {
	return pgx.Identifier(strings.Split(table+suffix, ".")).Sanitize()
}

// checkTable returns why table cannot be a table's name.
func checkTable(table string) error {
	parts := strings.Split(table, ".")
	const longest = 63 - len("_waiter_name_until_idx") // what PostgreSQL keeps of a name
	name := parts[len(parts)-1]
	switch {
	case len(parts) > 2 || name == "" || parts[0] == "":
		return invalid("table %q: want NAME or SCHEMA.NAME", table)
	case len(name) > longest || len(parts[0]) > 63:
		return invalid("table %q: want a name of at most %d bytes", table, longest)
	case strings.ContainsFunc(table, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		return invalid("table %q: want no control characters", table)
	}
	return nil
}
