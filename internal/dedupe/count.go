package dedupe

import (
	"context"
	"database/sql"
	"fmt"
)

// Count is what a table holds.
type Count struct {
	Rows       int64 `json:"rows"`
	Groups     int64 `json:"groups"`     // keys that are there more than once
	Duplicates int64 `json:"duplicates"` // rows too many
}

// Pointing is how many rows point at duplicates through a foreign key.
type Pointing struct {
	ForeignKey string `json:"foreign_key"`
	Table      string `json:"table"`
	Rows       int64  `json:"rows"`
}

// view runs fn, which only reads, in a transaction if that takes one.
func (p *Plan) view(ctx context.Context, fn func(q querier) error) error {
	if p.engine.settled() {
		return fn(p.db)
	}
	return p.transact(ctx, func(tx *sql.Tx) error { return fn(tx) })
}

// transact runs fn in a READ COMMITTED transaction, which it commits unless fn fails.
func (p *Plan) transact(ctx context.Context, fn func(tx *sql.Tx) error) error {
	opts := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	if p.engine.forUpdate() == "" {
		opts = nil // SQLite has one isolation, which is SERIALIZABLE
	}
	tx, err := p.db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing to undo after the commit
	if err := p.engine.prepare(ctx, tx); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// whereKey is the condition that leaves out the rows that equal no other.
func (p *Plan) whereKey(s *statement, before string) *statement {
	if p.job.IncludeNull {
		return s
	}
	return s.notNull(before, p.table.key)
}

// count counts with two scans, which lock nothing.
func (p *Plan) count(ctx context.Context) (c Count, err error) {
	groups := newStatement(p.engine).add("SELECT COUNT(*), COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM ", p.quotedTable())
	p.whereKey(groups, " WHERE ").add(" GROUP BY ", list(p.engine, p.table.key), " HAVING COUNT(*) > 1) AS g")
	err = p.view(ctx, func(q querier) error {
		err := each(ctx, q, groups.text.String(), nil, []any{&c.Groups, &c.Duplicates}, func() {})
		if err != nil {
			return err
		}
		return each(ctx, q, "SELECT COUNT(*) FROM "+p.quotedTable(), nil, []any{&c.Rows}, func() {})
	})
	return c, err
}

// rank is the window function that gives the row that stays the number 1.
func (p *Plan) rank() string {
	newest := p.job.Keep == Newest
	order := ""
	if c := p.table.order; c != nil {
		order = p.engine.order(p.engine.quote(c.name), newest) + ", "
	}
	for i, name := range quoted(p.engine, p.table.primary) {
		if i > 0 {
			order += ", "
		}
		order += p.engine.order(name, newest)
	}
	return "ROW_NUMBER() OVER (PARTITION BY " + list(p.engine, p.table.key) + " ORDER BY " + order + ")"
}

// pointing counts what points at the rows that would go now.
func (p *Plan) pointing(ctx context.Context) (found []Pointing, err error) {
	for _, r := range p.table.refs {
		s := newStatement(p.engine).add("SELECT COUNT(*) FROM ", quoteTable(p.engine, r.schema, r.table), " c JOIN (SELECT ",
			list(p.engine, p.table.refColumns), ", ", p.rank(), " AS pawl_rank FROM ", p.quotedTable())
		p.whereKey(s, " WHERE ").add(") d ON d.pawl_rank > 1 AND ", r.matches(p.engine, "c.", "d."))
		hit := Pointing{ForeignKey: r.name, Table: r.table}
		err := p.view(ctx, func(q querier) error {
			return each(ctx, q, s.text.String(), s.args, []any{&hit.Rows}, func() {})
		})
		if err != nil {
			return nil, fmt.Errorf("foreign key %s: %w", r.name, err)
		}
		if hit.Rows > 0 {
			found = append(found, hit)
		}
	}
	return found, nil
}

// matches is the condition that a row of child points at a row of parent, which are
// aliases with a dot.
func (r reference) matches(e engine, child, parent string) string {
	text := ""
	for i := range r.from {
		if i > 0 {
			text += " AND "
		}
		text += child + e.quote(r.from[i]) + " = " + parent + e.quote(r.to[i])
	}
	return text
}
