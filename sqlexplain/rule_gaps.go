package sqlexplain

import (
	"fmt"
	"slices"
	"strings"
)

// mostGaps is how many gaps a sentence lists.
const mostGaps = 4

// gapLocks: gap locks, and what inserts they block.
func gapLocks(f facts) string {
	if !f.innodb {
		return ""
	}
	var order []string
	gaps := make(map[string][]string)
	for _, l := range f.own() {
		if !l.coversGap() {
			continue
		}
		index := fmt.Sprintf("%s of %s", l.Index, l.Table)
		if !slices.Contains(order, index) {
			order = append(order, index)
		}
		gap := "before " + keyText(l.Key)
		if l.supremum() {
			gap = "after the last entry"
		}
		gaps[index] = append(gaps[index], gap)
	}
	if len(order) == 0 {
		return ""
	}
	for i, index := range order {
		order[i] = index + " " + someOf(gaps[index])
	}
	text := "Nobody can insert into index " + strings.Join(order, ", nor into ") + " until the end of the transaction."
	if f.Isolation != "read-committed" {
		text += " READ COMMITTED takes gap locks only to check unique and foreign keys."
	}
	return text
}

func someOf(list []string) string {
	if len(list) > mostGaps {
		return fmt.Sprintf("%s and in %d more gaps", strings.Join(list[:mostGaps], ", "), len(list)-mostGaps)
	}
	return strings.Join(list, ", ")
}
