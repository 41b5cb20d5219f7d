package dedupe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxParameters is how many parameters a statement may have, with some to spare: SQLite
// takes 32,766, MySQL and MariaDB 65,535.
const maxParameters = 30000

// maxLockName is under the 512 bytes that a name may have.
const maxLockName = 400

// Plan is a job whose table has been looked at and found fit. It has changed nothing.
type Plan struct {
	job    Job
	db     *Database
	engine engine
	table  *table
	backup string // quoted; "" is none
}

// Plan looks at the table of a job. Errors match ErrUsage and ErrRefused where the job,
// the table or the server has to be changed.
func (db *Database) Plan(ctx context.Context, job Job) (*Plan, error) {
	if err := job.Check(); err != nil {
		return nil, err
	}
	if job.OnReference == "" {
		job.OnReference = Refuse
	}
	p := &Plan{job: job, db: db, engine: db.engine}
	if err := p.look(ctx); err != nil {
		return nil, p.explain(err)
	}
	return p, nil
}

func (p *Plan) look(ctx context.Context) (err error) {
	if err := p.engine.check(ctx, p.db.DB); err != nil {
		return err
	}
	if p.table, err = p.engine.describe(ctx, p.db.DB, p.job.Table); err != nil {
		return err
	}
	t := p.table
	if len(t.primary) == 0 {
		return refused("table %s has no primary key, by which a row is deleted: want one added first", t.name)
	}
	if t.key, err = t.columnsOf(p.job.Key); err != nil {
		return err
	}
	if p.job.OrderBy != "" {
		c, err := t.column(p.job.OrderBy)
		if err != nil {
			return err
		}
		t.order = &c
	}
	if most := maxParameters / len(t.primary); p.job.Batch > most {
		return usage("batch of %d rows: want at most %d with a primary key of %d columns", p.job.Batch, most, len(t.primary))
	}
	if err := p.pickIndex(ctx); err != nil {
		return err
	}
	if err := p.findReferences(ctx); err != nil {
		return err
	}
	return p.checkBackup(ctx)
}

// pickIndex takes an index that begins with the columns of the key in any order, and has
// the key follow that order.
func (p *Plan) pickIndex(ctx context.Context) error {
	t := p.table
	found, err := p.engine.indexes(ctx, p.db.DB, t)
	if err != nil {
		return err
	}
	walks := !slices.ContainsFunc(t.key, func(c column) bool { return !p.engine.walks(c) })
	for _, i := range found {
		n := len(t.key)
		if len(i.columns) < n || !sameSet(i.columns[:n], names(t.key)) {
			continue
		}
		if i.unique && len(i.columns) == n && (!p.job.IncludeNull || len(nullables(t.key)) == 0) {
			t.unique = i.name
		}
		if walks && t.index == "" {
			t.index = i.name
			if t.key, err = t.columnsOf(i.columns[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameSet(a, b []string) bool {
	for _, name := range b {
		if !slices.Contains(a, name) {
			return false
		}
	}
	return len(a) == len(b)
}

func (p *Plan) findReferences(ctx context.Context) (err error) {
	t := p.table
	if t.refs, err = p.engine.references(ctx, p.db.DB, t); err != nil {
		return err
	}
	for _, r := range t.refs {
		cols, err := t.columnsOf(r.to)
		if err != nil {
			return err
		}
		for _, c := range cols {
			if !slices.Contains(names(t.refColumns), c.name) {
				t.refColumns = append(t.refColumns, c)
			}
		}
	}
	return nil
}

// checkBackup refuses a backup table that is there and has other columns.
func (p *Plan) checkBackup(ctx context.Context) error {
	name := p.job.BackupTable
	if name == "" {
		return nil
	}
	schema, bare := splitName(name)
	if schema == "" {
		schema = p.table.schema
	}
	if strings.EqualFold(bare, p.table.name) && schema == p.table.schema {
		return usage("backup table %s is the table itself", name)
	}
	p.backup = quoteTable(p.engine, schema, bare)
	full := bare
	if schema != "" {
		full = schema + "." + bare
	}
	there, err := p.engine.describe(ctx, p.db.DB, full)
	if errors.Is(err, ErrUsage) {
		return nil // made later
	}
	if err == nil && !slices.Equal(names(there.columns), names(p.table.columns)) {
		err = refused("backup table %s is there and has other columns than %s: want another --backup-table, or that one renamed", name, p.table.name)
	}
	return err
}

// LockName is the same for all jobs on this table by the same address.
func (p *Plan) LockName() string {
	name := "dedupe:" + p.db.id + "/" + p.fullName()
	if len(name) <= maxLockName {
		return name
	}
	return "dedupe:" + digest(name)
}

// Index returns the index that the job walks along, "" for none.
func (p *Plan) Index() string { return p.table.index }

func (p *Plan) fullName() string {
	if p.table.schema == "" {
		return p.table.name
	}
	return p.table.schema + "." + p.table.name
}

// stateName and listName are pawl's own tables for this job, beside its table.
func (p *Plan) stateName() string { return p.ownTable("") }
func (p *Plan) listName() string  { return p.ownTable("_list") }

func (p *Plan) ownTable(suffix string) string {
	return quoteTable(p.engine, p.table.schema, "pawl_dedupe_"+digest(p.fullName())[:16]+suffix)
}

// quotedTable is the table in SQL.
func (p *Plan) quotedTable() string { return quoteTable(p.engine, p.table.schema, p.table.name) }

// indexName is the name of the index to add: within the 63 bytes that a name may have on
// PostgreSQL.
func (p *Plan) indexName() string {
	name := p.table.name + "_" + strings.Join(names(p.table.key), "_") + "_unique"
	if len(name) > 63 {
		name = "pawl_" + digest(name)[:16] + "_unique"
	}
	return name
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// explain adds to an error of the server what to do about it.
func (p *Plan) explain(err error) error { return explain(p.engine, err) }

func explain(e engine, err error) error {
	if err == nil {
		return nil
	}
	if advice := e.advice(err); advice != "" {
		return fmt.Errorf("%w: %w; %s", ErrRefused, err, advice)
	}
	return err
}
