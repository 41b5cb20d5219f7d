package dedupe

import "context"

// gather reads windows until it has a batch of whole groups, as much as fits, or has read
// enough for the place to be stored.
func (r *run) gather(ctx context.Context, way walk) (b batch, err error) {
	b.next = r.now.At
	for range windows {
		rows, more, err := way.window(ctx, b.next, r.limit)
		if err != nil {
			return b, err
		}
		full := r.collect(&b, rows, more)
		if b.end = !more && !full; full || b.end {
			return b, nil
		}
	}
	return b, nil
}

// size is how many rows a batch may have.
func (r *run) size() int {
	if r.limit > r.window() {
		return r.limit // one group is stuck
	}
	return r.job.Batch
}

// collect adds the groups of a window to the batch and reports whether it is full. The
// last group of a window may be cut, and is read again with the next one.
func (r *run) collect(b *batch, rows []candidate, more bool) (full bool) {
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].group == rows[start].group {
			end++
		}
		group, cut := rows[start:end], more && end == len(rows)
		b.next = at(group[0].at)
		switch {
		case cut && start > 0:
			return false
		case len(group) > 1 && (!group[0].null || r.job.IncludeNull):
			if full := r.takeGroup(b, group, cut); full {
				return true
			}
		case cut && len(group) > 1: // nothing but rows that equal no other
			b.next = beyond(group[len(group)-1].at)
			return false
		}
		start = end
	}
	return false
}

// takeGroup takes one group whole, or the first part of one that is too long for any batch:
// all of that part but its best row goes, and the rest is read again with that one.
func (r *run) takeGroup(b *batch, group []candidate, cut bool) (full bool) {
	room := r.size() - len(b.rows)
	switch {
	case !cut && len(group) <= room:
		b.rows = append(b.rows, group...)
		b.next = beyond(group[len(group)-1].at)
		return len(group) == room
	case len(b.rows) == 0:
		b.rows = group[:min(room, len(group))]
	}
	return true
}
