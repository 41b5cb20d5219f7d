package lab

import "context"

// served is what the rows show of the buyers: how often each has what was wanted.
type served map[int]int

// readServed reads what the rows show.
func (s *Scenario) readServed(ctx context.Context, db *DB) (served, error) {
	rows, err := db.QueryContext(ctx, s.Served)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(served)
	for rows.Next() {
		var buyer int
		if err := rows.Scan(&buyer); err != nil {
			return nil, err
		}
		found[buyer]++
	}
	return found, rows.Err()
}

// serves reports whether a buyer has what was wanted. One whose process was killed asks
// before trying again.
func (s *Scenario) serves(ctx context.Context, db *DB, buyer int) (bool, error) {
	return db.Any(ctx, "SELECT COUNT(*) FROM ("+s.Served+") AS served WHERE buyer = ?", buyer)
}

// doubled is how much buyers have more than once.
func (s served) doubled() int {
	n := 0
	for _, times := range s {
		n += times - 1
	}
	return n
}

// missing counts those of buyers who do not have it.
func (s served) missing(buyers []int) int {
	n := 0
	for _, buyer := range buyers {
		if s[buyer] == 0 {
			n++
		}
	}
	return n
}
