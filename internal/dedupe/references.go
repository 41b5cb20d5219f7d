package dedupe

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// rowID is a primary key as it can be the key of a map.
func rowID(pk []any) string {
	text, _ := json.Marshal(at(pk)) // cell refuses no type that a primary key can have
	return string(text)
}

// pointed returns the victims that foreign keys point at, and refuses them unless the job
// says what to do. They are locked, so that nothing new can point at them.
func (p *Plan) pointed(ctx context.Context, tx *sql.Tx, victims []victim) (map[string][]reference, error) {
	found := map[string][]reference{}
	if len(victims) == 0 {
		return found, nil
	}
	for _, r := range p.table.refs {
		s := newStatement(p.engine).add("SELECT ", reads(p.engine, "t.", p.table.primary), " FROM ", p.quotedTable(), " t WHERE ")
		var columns []string
		for _, name := range quoted(p.engine, p.table.primary) {
			columns = append(columns, "t."+name)
		}
		p.engine.in(s, columns, p.table.primary, keys(victims))
		s.add(" AND EXISTS (SELECT 1 FROM ", quoteTable(p.engine, r.schema, r.table), " c WHERE ", r.matches(p.engine, "c.", "t."), ")")
		hits, err := values(ctx, tx, s, len(p.table.primary))
		if err != nil {
			return nil, fmt.Errorf("foreign key %s: %w", r.name, err)
		}
		if len(hits) > 0 && p.job.OnReference == Refuse {
			return nil, fmt.Errorf("%w: %w", errPointed, p.refusePointing([]Pointing{{r.name, r.table, int64(len(hits))}}))
		}
		for _, pk := range hits {
			found[rowID(pk)] = append(found[rowID(pk)], r)
		}
	}
	return found, nil
}

// refusePointing says what points at duplicates, and what can be done.
func (p *Plan) refusePointing(found []Pointing) error {
	first := found[0]
	return refused("%d rows of %s point at duplicates (foreign key %s): want --on-reference repoint, which makes them point at the row that stays, or --on-reference skip",
		first.Rows, first.Table, first.ForeignKey)
}

// without leaves out the victims that are pointed at.
func without(victims []victim, pointed map[string][]reference) (rest []victim) {
	for _, v := range victims {
		if pointed[rowID(v.pk)] == nil {
			rest = append(rest, v)
		}
	}
	return rest
}

// repoint makes what points at a victim point at the row that stays.
func (p *Plan) repoint(ctx context.Context, tx *sql.Tx, victims []victim, pointed map[string][]reference) (rows int64, err error) {
	for _, v := range victims {
		for _, r := range pointed[rowID(v.pk)] {
			s := newStatement(p.engine).add("UPDATE ", quoteTable(p.engine, r.schema, r.table), " SET ")
			p.assign(s, r, ", ", v.survivor)
			p.assign(s.add(" WHERE "), r, " AND ", v.refs)
			n, err := affected(tx.ExecContext(ctx, s.text.String(), s.args...))
			if err != nil && p.engine.fault(err) == duplicate {
				return rows, refused("%s cannot be made to point at the row that stays, since a unique index of it says no: want --on-reference skip, or its own duplicates cleaned up first (%v)", r.table, err)
			}
			if err != nil {
				return rows, fmt.Errorf("foreign key %s: %w", r.name, err)
			}
			rows += n
		}
	}
	return rows, nil
}

// assign writes "column = value" for the columns of a foreign key, of the values of
// Plan.table.refColumns.
func (p *Plan) assign(s *statement, r reference, between string, refs []any) {
	for i, from := range r.from {
		if i > 0 {
			s.add(between)
		}
		s.add(p.engine.quote(from), " = ").value(r.fromTypes[i], refs[p.refIndex(r.to[i])])
	}
}

func (p *Plan) refIndex(name string) int {
	for i, c := range p.table.refColumns {
		if c.name == name {
			return i
		}
	}
	c, _ := p.table.column(name) // written in other case, as SQLite allows
	for i, ref := range p.table.refColumns {
		if ref.name == c.name {
			return i
		}
	}
	return 0
}
