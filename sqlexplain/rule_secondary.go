package sqlexplain

import "fmt"

// secondaryFirst: a secondary index first and the clustered row second, hence the classic
// deadlock with the opposite order.
func secondaryFirst(f facts) string {
	if verb := f.statement.verb(); !f.innodb || verb == "INSERT" || verb == "REPLACE" { // they write the row first
		return ""
	}
	first := make(map[string]string) // the secondary index that was locked first, by table
	for _, l := range f.own() {
		onEntry := l.Kind == KindRecord || l.Kind == KindNextKey && !l.supremum()
		switch {
		case !onEntry:
		case l.Index == clusteredIndex || l.Index == hiddenIndex:
			if index := first[l.Table]; index != "" {
				return fmt.Sprintf("It locks the entry in index %s of %s first and the row itself second. A transaction that has the row by its primary key and then changes a column of %s goes the other way, "+
					"and the two can deadlock. Find the primary keys with a plain SELECT first and lock by them, in one order everywhere.", index, l.Table, index)
			}
			first[l.Table] = ""
		default:
			if _, seen := first[l.Table]; !seen {
				first[l.Table] = l.Index
			}
		}
	}
	return ""
}
