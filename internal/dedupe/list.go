package dedupe

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// listWalk goes along a table that was made once: the primary keys of all rows that were
// in a group then, in the order of the groups. It is how a table is walked that has no
// index on the key.
type listWalk struct{ *Plan }

func (w listWalk) window(ctx context.Context, from position, limit int) (rows []candidate, more bool, err error) {
	s := newStatement(w.engine).add("SELECT seq, grp, ", reads(w.engine, "", w.listColumns()), " FROM ", w.listName())
	if len(from.Values) == 1 {
		op := ">="
		if from.After {
			op = ">"
		}
		s.add(" WHERE seq ", op, " ").number(from.Values[0].v)
	}
	s.add(" ORDER BY seq LIMIT ").number(limit)
	var found [][]any
	err = w.view(ctx, func(q querier) error {
		found, err = values(ctx, q, s, 2+len(w.table.primary))
		return err
	})
	for _, v := range found {
		rows = append(rows, candidate{at: v[:1], pk: v[2:], group: asInt(v[1])})
	}
	return rows, len(rows) == limit, err
}

// listColumns are those of the primary key in the list, where they have names of their
// own.
func (p *Plan) listColumns() (cols []column) {
	for i, c := range p.table.primary {
		c.name = fmt.Sprintf("p%d", i)
		cols = append(cols, c)
	}
	return cols
}

// makeList makes the list anew.
func (p *Plan) makeList(ctx context.Context) error {
	if err := p.dropTable(ctx, p.listName()); err != nil {
		return err
	}
	var primary, key []string
	for i, name := range quoted(p.engine, p.table.primary) {
		primary = append(primary, fmt.Sprintf("%s AS p%d", name, i))
	}
	for i, name := range quoted(p.engine, p.table.key) {
		key = append(key, fmt.Sprintf("%s AS k%d", name, i))
	}
	aliases := func(prefix string, n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("%s%d", prefix, i)
		}
		return strings.Join(all, ", ")
	}
	ks, ps := aliases("k", len(key)), aliases("p", len(primary))
	s := newStatement(p.engine).add("CREATE TABLE ", p.listName(), p.engine.createAs(), "SELECT ROW_NUMBER() OVER (ORDER BY ", ks, ", ", ps, ") AS seq, ",
		"DENSE_RANK() OVER (ORDER BY ", ks, ") AS grp, ", ps, " FROM (SELECT ", strings.Join(primary, ", "), ", ", strings.Join(key, ", "),
		", COUNT(*) OVER (PARTITION BY ", list(p.engine, p.table.key), ") AS n FROM ", p.quotedTable())
	p.whereKey(s, " WHERE ").add(") x WHERE n > 1")
	for _, text := range []string{s.text.String(), "CREATE UNIQUE INDEX " + p.ownIndex() + " ON " + p.listOn()} {
		if _, err := p.db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("work list: %w", err)
		}
	}
	return nil
}

// ownIndex and listOn are the name of the list's index and what it is on.
func (p *Plan) ownIndex() string {
	return p.engine.quote("pawl_dedupe_" + digest(p.fullName())[:16] + "_seq")
}

func (p *Plan) listOn() string { return p.listName() + " (seq)" }

// strike takes rows that are deleted off the list, so that a very long group is not read
// again and again. They are among those that stand from first to last.
func (p *Plan) strike(ctx context.Context, tx *sql.Tx, first, last any, rows [][]any) error {
	s := newStatement(p.engine).add("DELETE FROM ", p.listName(), " WHERE seq >= ").number(first).add(" AND seq <= ").number(last).add(" AND ")
	s.in(p.listColumns(), rows)
	_, err := tx.ExecContext(ctx, s.text.String(), s.args...)
	return err
}

func (p *Plan) dropTable(ctx context.Context, name string) error {
	_, err := p.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+name)
	return err
}
