package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// batch is what one transaction works on.
type batch struct {
	rows []candidate // whole groups, or a part of one that is too long
	next position    // where the walk goes on
	end  bool        // after this, the walk is at its end
}

// outcome is what one transaction has done.
type outcome struct {
	groups, deleted, skipped, repointed int64
}

// victim is a row that goes, with the values that foreign keys point at and those of the
// row of its group that stays.
type victim struct {
	pk, refs, survivor []any
}

// attempts bounds how often a batch that met a deadlock or a lock timeout is tried: with
// lockWait, about a minute behind one lock.
const attempts = 12

// retry runs do again while the server says that it may succeed next time.
func (p *Plan) retry(ctx context.Context, do func() error) error {
	pause := 5 * time.Millisecond
	for try := 1; ; try++ {
		err := do()
		if err == nil || p.engine.fault(err) != transient || try == attempts {
			return err
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// sleep waits unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// work does a batch, whole or not at all, and stores that it is done.
func (r *run) work(ctx context.Context, b batch) (done outcome, err error) {
	var after progress
	err = r.retry(ctx, func() error {
		return r.transact(ctx, func(tx *sql.Tx) error {
			if err := r.guard(ctx, tx, r.token); err != nil {
				return err
			}
			if done, err = r.clean(ctx, tx, b.rows); err != nil {
				return err
			}
			after = r.now.plus(done)
			after.At = b.next
			return r.save(ctx, tx, after)
		})
	})
	if err != nil {
		return outcome{}, err
	}
	r.now = after
	return done, nil
}

// plus is the progress with one batch more.
func (p progress) plus(done outcome) progress {
	p.Groups += done.groups
	p.Deleted += done.deleted
	p.Repoints += done.repointed
	p.PassDeleted += done.deleted
	p.PassSkipped += done.skipped
	if done.deleted > 0 {
		p.Batches++
	}
	return p
}

// clean locks the rows, finds out in a new statement what they are by now, and deletes
// those that are not the best of their group. Rows that have come to the group since are
// not locked and not looked at, so that they cannot be the reason for a delete.
func (p *Plan) clean(ctx context.Context, tx *sql.Tx, rows []candidate) (done outcome, err error) {
	if len(rows) == 0 {
		return done, nil
	}
	locked, err := p.lock(ctx, tx, rows)
	if err != nil || len(locked) == 0 {
		return done, err
	}
	victims, groups, err := p.rankLocked(ctx, tx, locked)
	if err != nil {
		return done, err
	}
	done.groups = groups
	pointed, err := p.pointed(ctx, tx, victims)
	if err != nil {
		return done, err
	}
	if p.job.OnReference == Skip {
		victims, done.skipped = without(victims, pointed), int64(len(pointed))
	}
	if len(victims) == 0 {
		return done, nil
	}
	if done.repointed, err = p.takeOut(ctx, tx, victims, pointed); err != nil {
		return done, err
	}
	done.deleted = int64(len(victims))
	if p.table.index == "" {
		err = p.strike(ctx, tx, rows[0].at[0], rows[len(rows)-1].at[0], keys(victims))
	}
	return done, err
}

// lock locks those of the rows that are still there, in the order of their primary keys.
func (p *Plan) lock(ctx context.Context, tx *sql.Tx, rows []candidate) ([][]any, error) {
	wanted := make([][]any, len(rows))
	for i, row := range rows {
		wanted[i] = row.pk
	}
	primary := p.table.primary
	s := newStatement(p.engine).add("SELECT ", reads(p.engine, "", primary), " FROM ", p.quotedTable(), p.engine.byPrimary(), " WHERE ")
	s.in(primary, wanted).add(" ORDER BY ", qualified(p.engine, p.quotedTable()+".", primary), p.engine.forUpdate())
	return values(ctx, tx, s, len(primary))
}

// rankLocked returns the rows that are not the best of their group among those that are
// locked. What stays is read too where a foreign key may have to point at it.
func (p *Plan) rankLocked(ctx context.Context, tx *sql.Tx, locked [][]any) (victims []victim, groups int64, err error) {
	e, t := p.engine, p.table
	s := newStatement(e).add("SELECT ", reads(e, "x.", t.primary))
	for _, c := range t.refColumns {
		s.add(", ", e.read("x."+e.quote(c.name), c))
	}
	s.add(", pawl_rank FROM (SELECT ", list(e, p.needed()), ", ", p.rank(), " AS pawl_rank FROM ", p.quotedTable(), e.byPrimary(), " WHERE ")
	p.whereKey(s.in(t.primary, locked), " AND ").add(") x")
	if len(t.refs) > 0 {
		s.add(" ORDER BY ", qualified(e, "x.", t.key), ", pawl_rank")
	} else {
		s.add(" WHERE pawl_rank > 1")
	}
	n := len(t.primary)
	found, err := values(ctx, tx, s, n+len(t.refColumns)+1)
	var survivor []any
	for _, v := range found {
		refs := v[n : len(v)-1]
		switch asInt(v[len(v)-1]) {
		case 1:
			survivor = refs
			continue
		case 2:
			groups++
		}
		victims = append(victims, victim{pk: v[:n], refs: refs, survivor: survivor})
	}
	return victims, groups, err
}

// needed are the columns of the table that the ranking hands on.
func (p *Plan) needed() (cols []column) {
	seen := map[string]bool{}
	for _, set := range [][]column{p.table.primary, p.table.key, p.table.refColumns} {
		for _, c := range set {
			if !seen[c.name] {
				cols = append(cols, c)
			}
			seen[c.name] = true
		}
	}
	return cols
}

// takeOut moves the rows into the backup table, and what points at them to the row that
// stays.
func (p *Plan) takeOut(ctx context.Context, tx *sql.Tx, victims []victim, pointed map[string][]reference) (repointed int64, err error) {
	if p.backup != "" && len(p.table.refs) == 0 && p.engine.moves() {
		return 0, p.move(ctx, tx, victims)
	}
	if err := p.copyAway(ctx, tx, victims); err != nil { // as they are before a repoint
		return 0, err
	}
	if p.job.OnReference == Repoint {
		if repointed, err = p.repoint(ctx, tx, victims, pointed); err != nil {
			return repointed, err
		}
	}
	return repointed, p.remove(ctx, tx, victims)
}

// copyAway puts the rows into the backup table.
func (p *Plan) copyAway(ctx context.Context, tx *sql.Tx, victims []victim) error {
	if p.backup == "" {
		return nil
	}
	cols := list(p.engine, p.table.columns)
	s := newStatement(p.engine).add("INSERT INTO ", p.backup, " (", cols, ") SELECT ", cols, " FROM ", p.quotedTable(), p.engine.byPrimary(), " WHERE ")
	s.in(p.table.primary, keys(victims))
	return changeAll(ctx, tx, s, victims, func(n int64) error {
		return fmt.Errorf("the backup table took %d of %d rows", n, len(victims))
	})
}

// move is copyAway and remove in one statement, which looks each row up once.
func (p *Plan) move(ctx context.Context, tx *sql.Tx, victims []victim) error {
	cols := list(p.engine, p.table.columns)
	s := newStatement(p.engine).add("WITH gone AS (DELETE FROM ", p.quotedTable(), " WHERE ")
	s.in(p.table.primary, keys(victims)).add(" RETURNING ", cols, ") INSERT INTO ", p.backup, " (", cols, ") SELECT ", cols, " FROM gone")
	return changeAll(ctx, tx, s, victims, func(n int64) error {
		return refused("%d of %d rows could be moved to the backup table: want the trigger or the rule off that keeps the others", n, len(victims))
	})
}

// remove deletes the rows, all of them or none.
func (p *Plan) remove(ctx context.Context, tx *sql.Tx, victims []victim) error {
	s := newStatement(p.engine).add("DELETE FROM ", p.quotedTable(), " WHERE ")
	s.in(p.table.primary, keys(victims))
	return changeAll(ctx, tx, s, victims, func(n int64) error {
		return refused("%d of %d rows could be deleted: want the trigger or the rule off that keeps the others", n, len(victims))
	})
}

// changeAll runs a statement that must change as many rows as there are victims, and returns
// short's error when it did not.
func changeAll(ctx context.Context, tx *sql.Tx, s *statement, victims []victim, short func(n int64) error) error {
	n, err := affected(tx.ExecContext(ctx, s.text.String(), s.args...))
	if err == nil && n != int64(len(victims)) {
		return short(n)
	}
	return err
}

func keys(victims []victim) [][]any {
	all := make([][]any, len(victims))
	for i, v := range victims {
		all[i] = v.pk
	}
	return all
}

// errPointed is a duplicate that something has come to point at since the job began.
var errPointed = errors.New("a foreign key points at a duplicate")
