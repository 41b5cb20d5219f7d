package sqlexplain

import "fmt"

// gapThenInsert: FOR UPDATE of a missing key takes a gap that two sessions can share and
// then deadlock on insert.
func gapThenInsert(f facts) string {
	if !f.innodb || !f.Executed || f.matched > 0 || !f.locksRows() {
		return ""
	}
	for _, l := range f.own() {
		if l.Kind != KindGap && !l.supremum() {
			continue
		}
		where := "before " + keyText(l.Key)
		if l.supremum() {
			where = "at the end"
		}
		return fmt.Sprintf("No row matched, and the gap of index %s %s is locked instead. Gap locks do not exclude each other: two sessions get it both, and when both then insert there, each waits for the other and one dies. "+
			"Insert first (INSERT ... ON DUPLICATE KEY UPDATE), or use READ COMMITTED.", l.Index, where)
	}
	return ""
}
