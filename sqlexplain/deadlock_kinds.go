package sqlexplain

import (
	"slices"
	"strings"
)

// deadlockKind is a known way into a deadlock, told from the report alone.
type deadlockKind struct {
	name string
	is   func(d *Deadlock) bool
	text string
}

// deadlockKinds are asked in this order: the later ones would take the earlier for theirs.
var deadlockKinds = []deadlockKind{
	{"several-inserts", isSeveralInserts, "Several transactions insert the same unique key. The first had it and rolled back; the others, who waited with a shared lock each, then want it exclusively and wait for each other. " +
		"Insert with INSERT ... ON DUPLICATE KEY UPDATE, which asks for an exclusive lock at once, or take a lock on the key before; and run the victim again."},
	{"gap-then-insert", isGapThenInsert, "Each transaction has locked the gap that a missing row would stand in, which does not exclude the other, and then inserts into it, which does. " +
		"Insert first and look afterwards (INSERT ... ON DUPLICATE KEY UPDATE), or use READ COMMITTED, which locks no gaps."},
	{"shared-then-exclusive", isSharedThenExclusive, "Each transaction has read the row with a shared lock (FOR SHARE, SERIALIZABLE, a foreign key, or INSERT ... SELECT), and then wants to change it while the other still reads. " +
		"Read with FOR UPDATE what you are going to change, or change it in one statement: UPDATE ... WHERE num - n >= 0."},
	{"two-secondary-indexes", isTwoIndexes, "The statements find the same rows by different indexes, and so lock them in different orders. " +
		"Find the primary keys with a plain SELECT first, then lock the rows by primary key, in one order everywhere; or let both use the same index."},
	{"opposite-order", isOppositeOrder, "The transactions change the same rows in opposite orders. " +
		"Sort: take rows in one order everywhere, such as by primary key; or lock all of them at the beginning with one SELECT ... WHERE id IN (...) ORDER BY id FOR UPDATE."},
}

// name names the kind of the deadlock, where it is a known one.
func (d *Deadlock) name() {
	d.Text = "It is none of the known kinds. Whatever the cause: a victim has to be run again from its beginning, and short transactions meet less often."
	for _, kind := range deadlockKinds {
		if kind.is(d) {
			d.Kind, d.Text = kind.name, kind.text
			return
		}
	}
}

// every reports whether the cycle has two or more transactions, and each is so.
func (d *Deadlock) every(is func(p Party) bool) bool {
	return len(d.Transactions) > 1 && !slices.ContainsFunc(d.Transactions, func(p Party) bool { return !is(p) })
}

func has(locks []Lock, is func(Lock) bool) bool { return slices.ContainsFunc(locks, is) }

// inserts reports whether the transaction waits in an INSERT for a lock of another kind
// than shared.
func (p Party) inserts() bool {
	verb := lex(p.Statement, false)
	return len(verb) > 0 && (verb[0].is("INSERT") || verb[0].is("REPLACE")) && has(p.WaitsFor, func(l Lock) bool { return l.Mode == "X" })
}

func isSeveralInserts(d *Deadlock) bool {
	return d.every(func(p Party) bool {
		return p.inserts() && has(p.Holds, func(l Lock) bool { return l.Mode == "S" })
	})
}

func isGapThenInsert(d *Deadlock) bool {
	return d.every(func(p Party) bool {
		return p.inserts() && has(p.WaitsFor, func(l Lock) bool { return l.Kind == KindInsertIntention }) &&
			has(p.Holds, func(l Lock) bool { return l.coversGap() })
	})
}

// isSharedThenExclusive: on PostgreSQL the log tells no modes. There two statements that
// want the same single row can only wait for each other when both have it shared.
func isSharedThenExclusive(d *Deadlock) bool {
	if d.Engine == "postgresql" {
		condition := condition(d.first().Statement)
		return condition.single && d.every(func(p Party) bool { return sameCondition(conditionOf(p), condition) })
	}
	return d.every(func(p Party) bool {
		return has(p.WaitsFor, func(wanted Lock) bool {
			return wanted.Mode == "X" && has(p.Holds, func(l Lock) bool {
				return l.Mode == "S" && l.Index == wanted.Index && slices.Equal(l.Key, wanted.Key)
			})
		})
	})
}

// isTwoIndexes: the report lists only the locks that the cycle hangs on, and not those
// on the secondary indexes that led there. The columns that the statements search by tell.
func isTwoIndexes(d *Deadlock) bool {
	first := condition(d.first().Statement).column
	return first != "" && isOppositeOrder(d) &&
		d.every(func(p Party) bool { return conditionOf(p).column != "" }) &&
		slices.ContainsFunc(d.Transactions, func(p Party) bool { return !strings.EqualFold(conditionOf(p).column, first) })
}

// isOppositeOrder: each waits for the row of another.
func isOppositeOrder(d *Deadlock) bool {
	return d.every(func(p Party) bool {
		return p.BlockedBy >= 0 && has(p.WaitsFor, func(l Lock) bool { return l.Kind == KindRecord || l.Kind == KindNextKey })
	})
}

func (d *Deadlock) first() Party {
	if len(d.Transactions) == 0 {
		return Party{}
	}
	return d.Transactions[0]
}

// search is what a statement searches by.
type search struct {
	column string // the first one after WHERE, without the table
	single bool   // it is compared with one value, and there is no further condition
	words  string // all of it
}

func conditionOf(p Party) search { return condition(p.Statement) }

func sameCondition(a, b search) bool { return a == b }

// condition reads the WHERE of a statement.
func condition(text string) search {
	tokens := lex(text, true)
	at := slices.IndexFunc(tokens, func(t token) bool { return t.is("WHERE") }) + 1
	if at == 0 || at == len(tokens) {
		return search{}
	}
	tokens = tokens[at:]
	if tokens[len(tokens)-1].text == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	var s search
	for i, t := range tokens {
		qualifies := i+1 < len(tokens) && tokens[i+1].text == "."
		if t.name() && s.column == "" && !qualifies {
			s.column = t.text
		}
		s.words += t.text + " "
	}
	s.single = len(tokens) == 3 && tokens[1].text == "="
	return s
}
