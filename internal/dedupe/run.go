package dedupe

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Status is how far a run has come.
type Status struct {
	Phase  string // what it does, in a few words
	Before Count
	// Groups and Deleted are what is done, earlier runs of the same job included.
	Groups, Deleted int64
	// Rate is deleted rows in a second of this run, pauses included; Remaining what is left
	// at that rate. 0 is not known yet.
	Rate      float64
	Remaining time.Duration
}

// Report is what a run has done.
type Report struct {
	Engine      string     `json:"engine"`
	Table       string     `json:"table"`
	Key         []string   `json:"key"`
	Keep        Keep       `json:"keep"`
	OrderBy     string     `json:"order_by,omitempty"`
	DryRun      bool       `json:"dry_run"`
	Resumed     bool       `json:"resumed"`
	Index       string     `json:"index,omitempty"` // that it has walked along; none is a work list
	Before      Count      `json:"before"`
	After       *Count     `json:"after"`  // nil when the run has ended before it could count
	Groups      int64      `json:"groups"` // that were cleaned up
	Deleted     int64      `json:"deleted"`
	Skipped     int64      `json:"skipped"` // duplicates left, because something points at them
	Repointed   int64      `json:"repointed"`
	Batches     int64      `json:"batches"`
	Passes      int        `json:"passes"`
	BackupTable string     `json:"backup_table,omitempty"`
	UniqueIndex string     `json:"unique_index,omitempty"`
	Pointing    []Pointing `json:"pointing,omitempty"`
	Seconds     float64    `json:"seconds"`
}

// uniqueTries bounds how often the unique index is tried while writers make new
// duplicates, each time after a round of deleting.
const uniqueTries = 5

// windows bounds how much is read without a batch, before the place is stored.
const windows = 50

// run is one run of a plan.
type run struct {
	*Plan
	token   uint64
	stop    context.Context // ends when the run is to stop between two batches
	now     progress
	started time.Time
	first   int64 // deleted rows at the start of this run
	limit   int   // rows of a window and of a batch; more while one group is stuck
	resumed bool
}

// DryRun counts and changes nothing.
func (p *Plan) DryRun(ctx context.Context) (*Report, error) {
	started := time.Now()
	before, err := p.count(ctx)
	report := p.report()
	report.DryRun, report.Before, report.After = true, before, &before
	if err == nil && before.Duplicates > 0 {
		report.Pointing, err = p.pointing(ctx)
	}
	report.Seconds = time.Since(started).Seconds()
	return report, p.explain(err)
}

func (p *Plan) report() *Report {
	return &Report{
		Engine: p.engine.name(), Table: p.fullName(), Key: names(p.table.key), Keep: p.job.Keep, OrderBy: p.job.OrderBy,
		Index: p.table.index, BackupTable: p.job.BackupTable,
	}
}

// Run deletes the duplicates until none is left. The caller holds the lock LockName, and
// ctx is its context: when that ends, the batch that is under way is rolled back and Run
// returns its cause. When stop ends, Run returns ErrStopped after the batch. token is the
// lock's. The report is never nil: it says what was done until an error.
func (p *Plan) Run(ctx, stop context.Context, token uint64) (*Report, error) {
	r := &run{Plan: p, token: token, stop: stop, started: time.Now(), limit: p.window()}
	brief, cancel := context.WithCancelCause(ctx) // of what is no batch, and may take long
	defer cancel(nil)
	defer context.AfterFunc(stop, func() { cancel(ErrStopped) })()
	report := p.report()
	err := r.do(brief, ctx, report)
	report.Resumed = r.resumed
	report.Before, report.Groups, report.Deleted = r.now.Before, r.now.Groups, r.now.Deleted
	report.Repointed = r.now.Repoints
	if r.now.PassSkipped > 0 && report.After != nil {
		report.Skipped = report.After.Duplicates
	}
	report.Batches, report.Passes = r.now.Batches, r.now.Passes
	report.Seconds = time.Since(r.started).Seconds()
	if cause := context.Cause(brief); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return report, p.explain(err)
}

// window is how many rows are read at once: enough that a small batch does not read the
// table in tiny pieces.
func (p *Plan) window() int { return max(p.job.Batch, 100) }

func (r *run) do(brief, ctx context.Context, report *Report) error {
	if err := r.begin(brief); err != nil {
		return err
	}
	for tries := 0; ; {
		after, err := r.untilNone(brief, ctx, tries > 0)
		if report.After = after; err != nil {
			return err
		}
		if !r.job.AddUniqueIndex {
			break
		}
		if after.Duplicates > 0 {
			return errors.Join(r.finish(brief, r.token),
				refused("%d duplicates are left because foreign keys point at them, so that there can be no unique index: want --on-reference repoint", after.Duplicates))
		}
		err = r.addIndex(brief)
		if err == nil {
			report.UniqueIndex = r.table.unique
			break
		}
		if tries++; tries == uniqueTries || r.engine.fault(err) == fatal {
			return fmt.Errorf("unique index: %w", err)
		}
	}
	return r.finish(brief, r.token)
}

// begin takes over, or counts what there is to do.
func (r *run) begin(ctx context.Context) error {
	var left *progress
	err := r.retry(ctx, func() (err error) {
		left, err = r.take(ctx, r.token)
		return err
	})
	if err != nil {
		return err
	}
	if left != nil {
		r.now, r.resumed, r.first = *left, true, left.Deleted
		return nil
	}
	r.tell("counting")
	if r.now.Before, err = r.count(ctx); err != nil {
		return err
	}
	if r.now.Before.Duplicates > 0 && r.job.OnReference == Refuse {
		found, err := r.pointing(ctx)
		if err == nil && len(found) > 0 {
			err = errors.Join(r.refusePointing(found), r.finish(ctx, r.token))
		}
		if err != nil {
			return err
		}
	}
	return r.store(ctx, r.token, r.now)
}

// makeBackup makes the backup table unless it is there, or none is wanted.
func (r *run) makeBackup(ctx context.Context) error {
	if r.backup == "" {
		return nil
	}
	schema, bare := splitName(r.job.BackupTable)
	if schema == "" {
		schema = r.table.schema
	}
	full := bare
	if schema != "" {
		full = schema + "." + bare
	}
	_, err := r.engine.describe(ctx, r.db.DB, full)
	if !errors.Is(err, ErrUsage) {
		return err
	}
	_, err = r.db.ExecContext(ctx, "CREATE TABLE "+r.backup+r.engine.createAs()+"SELECT "+list(r.engine, r.table.columns)+
		" FROM "+r.quotedTable()+" WHERE 1 = 0")
	if err != nil {
		return fmt.Errorf("backup table: %w", err)
	}
	return nil
}

// untilNone walks the table until no duplicate is left but those that are skipped.
// again means that there are some now, whatever was counted.
func (r *run) untilNone(brief, ctx context.Context, again bool) (*Count, error) {
	if !again && r.now.Before.Duplicates == 0 && r.now.Passes == 0 {
		return &r.now.Before, nil
	}
	if err := r.makeBackup(brief); err != nil {
		return nil, err
	}
	for {
		if err := r.pass(brief, ctx); err != nil {
			return nil, err
		}
		r.tell("counting what is left")
		after, err := r.count(brief)
		if err != nil {
			return nil, err
		}
		if after.Duplicates == 0 || r.now.PassDeleted == 0 && r.now.PassSkipped > 0 {
			return &after, nil
		}
		if err := sleep(brief, max(r.job.Every, 100*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// pass walks from the place that is stored to the end of the table.
func (r *run) pass(brief, ctx context.Context) error {
	var way walk = indexWalk{r.Plan}
	if r.table.index == "" {
		way = listWalk{r.Plan}
		if !r.now.Listed {
			r.tell("building the work list")
			if err := r.makeList(brief); err != nil {
				return err
			}
			r.now.Listed = true
		}
	}
	if len(r.now.At.Values) == 0 {
		r.now.PassDeleted, r.now.PassSkipped = 0, 0
		r.now.Passes++
	}
	if err := r.store(brief, r.token, r.now); err != nil {
		return err
	}
	for end := false; !end; {
		began := time.Now()
		b, err := r.gather(brief, way)
		if err == nil && r.stop.Err() != nil { // brief may hear of it a moment later
			err = ErrStopped
		}
		if err != nil {
			return err
		}
		from := r.now.At
		done, err := r.work(ctx, b)
		if err != nil {
			return err
		}
		r.adapt(from, b, done)
		r.tell("deleting")
		if end = b.end; end {
			break
		}
		if err := r.rest(brief, began, done); err != nil {
			return err
		}
	}
	r.now.At, r.now.Listed = position{}, false
	return r.store(brief, r.token, r.now)
}

// rest waits for the time of the next batch, if this one has deleted anything.
func (r *run) rest(ctx context.Context, began time.Time, done outcome) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if done.deleted == 0 {
		return nil
	}
	return sleep(ctx, time.Until(began.Add(r.job.Every)))
}

// adapt reads more of a group of which nothing could be deleted because all that was seen
// of it is pointed at, and passes it by when that is too much for a statement.
func (r *run) adapt(from position, b batch, done outcome) {
	most := maxParameters / len(r.table.primary)
	switch {
	case done.deleted > 0 || b.end || !b.next.equal(from):
		r.limit = r.window()
	case r.limit < most:
		r.limit = min(2*r.limit, most)
	default:
		r.now.At = beyond(b.rows[len(b.rows)-1].at)
	}
}

// tell reports to the job's Progress.
func (r *run) tell(phase string) {
	if r.job.Progress == nil {
		return
	}
	s := Status{Phase: phase, Before: r.now.Before, Groups: r.now.Groups, Deleted: r.now.Deleted}
	if took := time.Since(r.started).Seconds(); took > 0 && r.now.Deleted > r.first {
		s.Rate = float64(r.now.Deleted-r.first) / took
		left := max(0, float64(r.now.Before.Duplicates-r.now.Deleted))
		s.Remaining = time.Duration(left / s.Rate * float64(time.Second))
	}
	r.job.Progress(s)
}

// addIndex adds the unique index, or takes note of the one that is there.
func (r *run) addIndex(ctx context.Context) error {
	if r.table.unique != "" {
		return nil
	}
	r.tell("adding the unique index")
	name := r.indexName()
	err := r.engine.addUnique(ctx, r.db.DB, r.table, name, r.job.IncludeNull)
	if err == nil {
		r.table.unique = name
	}
	return err
}
