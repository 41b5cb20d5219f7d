package sqlexplain

import (
	"cmp"
	"fmt"
)

// noIndex: no index, so every row is locked. PostgreSQL locks only the rows that match.
func noIndex(f facts) string {
	if !f.innodb || !f.locksRows() {
		return ""
	}
	for _, step := range f.Plan {
		if step.Access != "full scan" {
			continue
		}
		table := cmp.Or(step.Table, "the table") // MariaDB names none when it deletes all
		what := fmt.Sprintf("No index leads to the rows of %s, so the statement reads the whole table", table)
		if !f.statement.has("WHERE") {
			what = fmt.Sprintf("There is no WHERE, so the statement reads all of %s", table)
		}
		if f.Isolation == "read-committed" {
			return what + " and locks every row on the way: it lets go of those that do not match, but may wait on each. An index on the columns of the WHERE takes it straight to its rows."
		}
		return what + " and keeps every row and every gap locked until the end of the transaction: nobody else can change or insert anything. An index on the columns of the WHERE takes it straight to its rows."
	}
	return ""
}
