package sqlexplain

import "fmt"

// wideRange: a range wider than it looks. InnoDB locks the first entry past the range
// too, and the gap before it.
func wideRange(f facts) string {
	if !f.innodb || !f.Executed || len(f.Plan) != 1 || f.Plan[0].Access != "range" {
		return ""
	}
	var entries int64
	var last Lock
	for _, l := range f.own() {
		if l.Index == f.Plan[0].Index && l.coversGap() {
			entries, last = entries+1, l
		}
	}
	if entries <= f.matched {
		return ""
	}
	end := keyText(last.Key)
	if last.supremum() {
		end = "the end of the index"
	}
	return fmt.Sprintf("The range is wider than it looks: %d rows match, and %d entries of index %s are locked, the last one being %s. "+
		"The scan locks the first entry past the range and the gap before it; conditions on other columns do not narrow it.", f.matched, entries, last.Index, end)
}
