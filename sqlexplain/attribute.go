package sqlexplain

import (
	"fmt"
	"slices"
)

// identity tells a lock from every other one, whoever took it.
func (l Lock) identity() string {
	return fmt.Sprintf("%q %q %q %q %q", l.Table, l.Index, l.Kind, l.Mode, l.Key)
}

// attribute returns the locks that are held now, in the order in which they were taken:
// first those of earlier, as far as they are still there, then the new ones, which
// statement number by has taken.
func attribute(now, earlier []Lock, by int) []Lock {
	left := make(map[string]int)
	for _, lock := range now {
		left[lock.identity()]++
	}
	now = supremumLast(now)
	locks := make([]Lock, 0, len(now))
	for _, lock := range earlier {
		if left[lock.identity()] > 0 {
			left[lock.identity()]--
			locks = append(locks, lock)
		}
	}
	for _, lock := range now {
		if left[lock.identity()] > 0 {
			left[lock.identity()]--
			lock.By = by
			if lock.Key == nil {
				lock.Key = []string{} // for JSON
			}
			locks = append(locks, lock)
		}
	}
	return locks
}

// supremumLast moves the end of an index behind the entries of the same kind that follow
// it. The engine keeps the locks of a page in one bitmap, in which the end comes first
// wherever the scan met it.
func supremumLast(locks []Lock) []Lock {
	for i := 0; i+1 < len(locks); i++ {
		a, b := locks[i], locks[i+1]
		if a.supremum() && !b.supremum() && a.Table == b.Table && a.Index == b.Index && a.Kind == b.Kind && a.Mode == b.Mode {
			locks[i], locks[i+1] = b, a
		}
	}
	return locks
}

// letGo returns the index entries that statement number by has locked in all, and on which
// held has no lock, as locks on the record alone: that is what read committed takes on
// the way.
func letGo(all, held []Lock, by int) []Lock {
	entry := func(l Lock) string { return fmt.Sprintf("%q %q %q", l.Table, l.Index, l.Key) }
	has := make(map[string]bool)
	for _, lock := range held {
		has[entry(lock)] = true
	}
	locks := []Lock{}
	for _, lock := range all {
		onEntry := lock.Kind == KindRecord || lock.Kind == KindNextKey
		if lock.By != by || !onEntry || slices.Equal(lock.Key, []string{Supremum}) || has[entry(lock)] {
			continue
		}
		has[entry(lock)] = true
		lock.Kind = KindRecord
		locks = append(locks, lock)
	}
	return locks
}
