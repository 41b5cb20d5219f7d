package sqlexplain

import (
	"slices"
	"strings"
)

// facts are what a rule of advice may look at.
type facts struct {
	*Report
	statement statement
	parents   []string // tables that foreign keys of the statement's tables point at
	matched   int64    // rows that the statement has returned or changed
	innodb    bool
}

// rules are in the order in which their advice is given. Each looks at what was measured
// and returns its advice, or nothing.
var rules = []struct {
	name string
	find func(facts) string
}{
	{"no-index", noIndex},
	{"gap-locks", gapLocks},
	{"wide-range", wideRange},
	{"secondary-first", secondaryFirst},
	{"gap-then-insert", gapThenInsert},
	{"serializable-reads", serializableReads},
	{"foreign-key", foreignKey},
	{"conditional-update", conditionalUpdate},
}

// advise asks every rule.
func advise(f facts) []Advice {
	advice := []Advice{}
	for _, r := range rules {
		if text := r.find(f); text != "" {
			advice = append(advice, Advice{r.name, text})
		}
	}
	return advice
}

// locksRows reports whether the statement is one that locks the rows that it reads.
func (f facts) locksRows() bool {
	switch f.statement.verb() {
	case "UPDATE", "DELETE", "MERGE":
		return true
	case "SELECT", "TABLE":
		return f.statement.locking() || f.Isolation == "serializable"
	}
	return false
}

// own returns the locks that the statement itself has taken, not those of After.
func (f facts) own() []Lock {
	return slices.DeleteFunc(slices.Clone(f.Locks), func(l Lock) bool { return l.By != len(f.After)+1 })
}

// coversGap reports whether others cannot insert before the entry.
func (l Lock) coversGap() bool {
	return l.Kind == KindGap || l.Kind == KindNextKey
}

func (l Lock) supremum() bool { return slices.Equal(l.Key, []string{Supremum}) }

// keyText is a key for a sentence.
func keyText(key []string) string {
	if len(key) == 1 {
		return key[0]
	}
	return "(" + strings.Join(key, ", ") + ")"
}
