package dedupe

import (
	"context"
	"slices"
)

// candidate is a row on the way: where it stands, its primary key, and a number that it
// shares with the rows of its group in the same window.
type candidate struct {
	at    []any
	pk    []any
	group int64
	null  bool // a column of its key is NULL
}

// walk reads windows of rows in the order of their groups.
type walk interface {
	// window returns up to limit rows from a position on, and whether there may be more.
	window(ctx context.Context, from position, limit int) (rows []candidate, more bool, err error)
}

// indexWalk goes along an index on the key. What is left of the table after a position
// are a few plain ranges of the index: (1, 5) leaves a = 1 AND b > 5, and then a > 1. Each
// is a query of its own, because no two engines agree on the ranges in which a condition
// with OR, or on rows, is found by the index.
type indexWalk struct{ *Plan }

// condition is a comparison of a column, with a value when it needs one.
type condition struct {
	col  column
	op   string
	with any
}

func (c condition) write(s *statement) {
	s.add(s.engine.quote(c.col.name), " ", c.op)
	if c.with != nil {
		s.add(" ").value(c.col, c.with)
	}
}

func (w indexWalk) window(ctx context.Context, from position, limit int) (rows []candidate, more bool, err error) {
	base := int64(0)
	for _, r := range w.ranges(from) {
		part, err := w.readRange(ctx, r, limit-len(rows), base)
		if err != nil {
			return nil, false, err
		}
		if rows = append(rows, part...); len(rows) == limit {
			return rows, true, nil
		}
		base += int64(len(part)) // ranges never share a group
	}
	return rows, false, nil
}

// ranges are those of the index from a position on, in its order.
func (w indexWalk) ranges(from position) (all [][]condition) {
	key := w.table.key
	if len(from.Values) != len(key) {
		if key[0].nullable && !w.job.IncludeNull {
			return [][]condition{{{col: key[0], op: "IS NOT NULL"}}}
		}
		return [][]condition{nil}
	}
	for i := len(key) - 1; i >= 0; i-- {
		var prefix []condition
		for j := range i {
			prefix = append(prefix, equalTo(key[j], from.Values[j].v))
		}
		at := i == len(key)-1 && !from.After
		for _, last := range w.following(key[i], from.Values[i].v, at, i == 0) {
			all = append(all, append(slices.Clone(prefix), last...))
		}
	}
	return all
}

func equalTo(c column, v any) condition {
	if v == nil {
		return condition{col: c, op: "IS NULL"}
	}
	return condition{c, "=", v}
}

// following are the ranges of a column after v, or from v on with at. The first column's
// NULLs are passed by where they count for nothing.
func (w indexWalk) following(c column, v any, at, first bool) [][]condition {
	null := condition{col: c, op: "IS NULL"}
	switch {
	case v == nil && w.engine.nullsFirst() && at:
		return [][]condition{nil} // NULLs and then values: all there is
	case v == nil && w.engine.nullsFirst():
		return [][]condition{{{col: c, op: "IS NOT NULL"}}}
	case v == nil && at:
		return [][]condition{{null}}
	case v == nil:
		return nil
	}
	op := ">"
	if at {
		op = ">="
	}
	ranges := [][]condition{{{c, op, v}}}
	if c.nullable && !w.engine.nullsFirst() && (!first || w.job.IncludeNull) {
		ranges = append(ranges, []condition{null})
	}
	return ranges
}

func (w indexWalk) readRange(ctx context.Context, conditions []condition, limit int, base int64) (rows []candidate, err error) {
	e, key, primary := w.engine, w.table.key, w.table.primary
	inner := slices.Clone(key)
	for _, c := range primary {
		if !slices.Contains(names(inner), c.name) {
			inner = append(inner, c)
		}
	}
	s := newStatement(e).add("SELECT ", reads(e, "w.", key), ", ", reads(e, "w.", primary),
		", DENSE_RANK() OVER (ORDER BY ", list(e, key), ") AS pawl_group FROM (SELECT ", list(e, inner),
		" FROM ", w.quotedTable(), e.hint(w.table.index))
	for i, c := range conditions {
		s.add([]string{" WHERE ", " AND "}[min(i, 1)])
		c.write(s)
	}
	s.add(" ORDER BY ", list(e, key), " LIMIT ").number(limit).add(") w ORDER BY pawl_group")
	var found [][]any
	err = w.view(ctx, func(q querier) error {
		found, err = values(ctx, q, s, len(key)+len(primary)+1)
		return err
	})
	for _, v := range found {
		k := v[:len(key)]
		rows = append(rows, candidate{
			at: k, pk: v[len(key) : len(v)-1], group: base + asInt(v[len(v)-1]), null: slices.Contains(k, nil),
		})
	}
	return rows, err
}

func asInt(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case uint64:
		return int64(n)
	}
	return 0
}
