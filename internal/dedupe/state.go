package dedupe

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// progress is how far a job has come. It is stored in the transaction of each batch, in a
// table of one row beside the job's own. The row is also the fence: every batch begins by
// showing its token there, and holds the row until it commits.
type progress struct {
	At       position `json:"at"`
	Listed   bool     `json:"listed"` // the work list of this pass is made
	Before   Count    `json:"before"`
	Passes   int      `json:"passes"`
	Batches  int64    `json:"batches"`
	Groups   int64    `json:"groups"` // that were found and are down to what stays
	Deleted  int64    `json:"deleted"`
	Repoints int64    `json:"repointed"`

	PassDeleted int64 `json:"pass_deleted"`
	PassSkipped int64 `json:"pass_skipped"` // duplicates that were left because something points at them
}

// fingerprint is what must be the same for a job to go on where another one stopped.
func (p *Plan) fingerprint() string {
	order := ""
	if p.table.order != nil {
		order = p.table.order.name
	}
	text, _ := json.Marshal(map[string]any{ // strings and bools always can be
		"key": names(p.table.key), "keep": p.job.Keep, "order": order, "null": p.job.IncludeNull,
		"index": p.table.index, "reference": p.job.OnReference, "backup": p.backup,
	})
	return string(text)
}

// take makes this the instance that works, and returns what an earlier one has left of
// the same job, or nil.
func (p *Plan) take(ctx context.Context, token uint64) (left *progress, err error) {
	if _, err := p.db.ExecContext(ctx, p.engine.stateTable(p.stateName())); err != nil {
		return nil, fmt.Errorf("table for the state: %w", err)
	}
	err = p.transact(ctx, func(tx *sql.Tx) error {
		left = nil
		var old int64
		var about, text string
		err := tx.QueryRowContext(ctx, "SELECT token, about, progress FROM "+p.stateName()+" WHERE id = 1"+p.engine.forUpdate()).Scan(&old, &about, &text)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			s := newStatement(p.engine).add("INSERT INTO ", p.stateName(), " (id, token, about, progress) VALUES (1, ")
			s.number(int64(token)).add(", ").number(p.fingerprint()).add(", '')")
			_, err := tx.ExecContext(ctx, s.text.String(), s.args...)
			return err
		case err != nil:
			return err
		case uint64(old) > token:
			return fmt.Errorf("token %d after %d: %w", token, old, ErrStale)
		}
		if about == p.fingerprint() && text != "" {
			left = &progress{}
			if err := json.Unmarshal([]byte(text), left); err != nil {
				return fmt.Errorf("the state in %s cannot be read: %w; drop that table to begin anew", p.stateName(), err)
			}
		}
		s := newStatement(p.engine).add("UPDATE ", p.stateName(), " SET token = ").number(int64(token)).add(", about = ").number(p.fingerprint())
		_, err = tx.ExecContext(ctx, s.text.String(), s.args...)
		return err
	})
	return left, err
}

// guard is the first statement of a batch: nobody with a newer token has been here, and
// nobody gets in before the commit.
func (p *Plan) guard(ctx context.Context, tx *sql.Tx, token uint64) error {
	s := newStatement(p.engine).add("UPDATE ", p.stateName(), " SET token = ").number(int64(token))
	s.add(" WHERE id = 1 AND token <= ").number(int64(token))
	n, err := affected(tx.ExecContext(ctx, s.text.String(), s.args...))
	if err == nil && n != 1 {
		err = ErrStale
	}
	return err
}

// save is the last statement of a batch.
func (p *Plan) save(ctx context.Context, tx *sql.Tx, now progress) error {
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	s := newStatement(p.engine).add("UPDATE ", p.stateName(), " SET progress = ").number(string(text)).add(" WHERE id = 1")
	_, err = tx.ExecContext(ctx, s.text.String(), s.args...)
	return err
}

// store saves outside of a batch.
func (p *Plan) store(ctx context.Context, token uint64, now progress) error {
	return p.transact(ctx, func(tx *sql.Tx) error {
		if err := p.guard(ctx, tx, token); err != nil {
			return err
		}
		return p.save(ctx, tx, now)
	})
}

// finish takes away pawl's own tables. A job that is run again begins anew.
func (p *Plan) finish(ctx context.Context, token uint64) error {
	if err := p.transact(ctx, func(tx *sql.Tx) error { return p.guard(ctx, tx, token) }); err != nil {
		return err
	}
	if err := p.dropTable(ctx, p.listName()); err != nil {
		return err
	}
	return p.dropTable(ctx, p.stateName())
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
