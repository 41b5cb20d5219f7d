package sqlexplain

import (
	"fmt"
	"slices"
	"strings"
)

// foreignKey: foreign-key locks on the parent.
func foreignKey(f facts) string {
	names := f.statement.names()
	for _, l := range f.own() {
		named := slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, l.Table) })
		if named || l.Kind == KindTable || !slices.Contains(f.parents, l.Table) {
			continue
		}
		return fmt.Sprintf("A foreign key locks row %s of the parent %s (%s) until the end of the transaction: whoever deletes it or changes its key waits. "+
			"On InnoDB so does every UPDATE of it, and two transactions that first insert children and then update the parent deadlock: update the parent first.", keyText(l.Key), l.Table, l.Mode)
	}
	return ""
}
