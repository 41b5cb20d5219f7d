package sqlexplain

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"
)

// cleanUpTimeout bounds what is done after the context has ended.
const cleanUpTimeout = 10 * time.Second

// Explain runs one statement in a transaction of its own, after those of opts.After,
// reads the locks from a second connection and rolls back, whatever happens: when ctx
// ends, the statement is stopped on the server too. nil options are the defaults.
//
// A statement that cannot be undone is refused with an error that matches ErrRefused.
// One whose plan reads more than opts.MaxRows is not run; the report has its plan and a
// warning. A statement that fails on a duplicate or foreign key of InnoDB has locked
// something all the same: it is a report with a warning.
//
// Values of AUTO_INCREMENT and of sequences that an INSERT draws are not given back.
func (s *Server) Explain(ctx context.Context, text string, opts *Options) (*Report, error) {
	all, err := opts.withDefaults(s.engine)
	if err != nil {
		return nil, err
	}
	r := &run{server: s, engine: s.engine, opts: all}
	for _, text := range append(append([]string{}, all.After...), text) {
		statement, err := read(text, s.Engine() == "postgresql")
		if err != nil {
			return nil, err
		}
		r.statements = append(r.statements, statement)
	}
	r.report = Report{Engine: s.Engine(), Version: s.version, Isolation: all.Isolation, After: all.After,
		Statement: r.statements[len(r.statements)-1].text, Plan: []Step{}, Locks: []Lock{}, MayWaitOn: []Lock{}, Advice: []Advice{}}
	if err := r.do(ctx); err != nil {
		return nil, hide(s.engine.plain(err, all), s.url)
	}
	return &r.report, nil
}

// run is one call of Explain.
type run struct {
	server     *Server
	engine     engine
	opts       Options
	statements []statement
	report     Report
	parents    []string // tables that foreign keys of the statement's tables point at
	matched    int64    // rows that the last statement has returned or changed
	look       *sql.Conn
}

func (r *run) do(ctx context.Context) error {
	look, err := r.server.db.Conn(ctx)
	if err != nil {
		return err
	}
	r.look = look
	defer func() { _ = look.Close() }()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if !r.fits() {
		r.report.Advice = advise(r.facts())
		return nil
	}
	if err := r.inTransaction(ctx, r.opts, func(tx *transaction) error { return r.record(ctx, tx) }); err != nil {
		return err
	}
	r.report.Executed = true
	if r.engine.locksOnTheWay(r.opts.Isolation) && r.searches() {
		if err := r.recordWay(ctx); err != nil {
			return err
		}
	}
	r.report.Advice = advise(r.facts())
	return nil
}

// searches reports whether the statement looks for rows to lock. An INSERT with a SELECT
// would lock more as repeatable read than it does on the way.
func (r *run) searches() bool {
	last := r.statements[len(r.statements)-1]
	verb := last.verb()
	return verb == "UPDATE" || verb == "DELETE" || verb == "SELECT" && last.locking()
}

func (r *run) facts() facts {
	return facts{Report: &r.report, statement: r.statements[len(r.statements)-1], parents: r.parents, matched: r.matched,
		innodb: r.report.Engine != "postgresql"}
}

// prepare checks every statement and finds the plan of the last one, in a transaction
// that runs nothing.
func (r *run) prepare(ctx context.Context) error {
	var names []string
	for _, s := range r.statements {
		warnings, err := r.engine.check(ctx, r.look, s)
		if err != nil {
			return err
		}
		for _, w := range warnings {
			r.warn("%s", w)
		}
		names = append(names, s.names()...)
	}
	var err error
	if r.parents, err = r.engine.foreign(ctx, r.look, names); err != nil {
		return err
	}
	return r.inTransaction(ctx, r.opts, func(tx *transaction) error {
		for _, s := range r.statements {
			if r.report.Plan, err = r.engine.plan(ctx, tx.conn, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// fits reports whether the plan stays within MaxRows, and warns when it does not.
func (r *run) fits() bool {
	for _, step := range r.report.Plan {
		if step.Rows > r.opts.MaxRows {
			r.warn("not run: the plan reads about %d rows of %s, more than --max-rows %d; raise it to run the statement and roll it back", step.Rows, step.Table, r.opts.MaxRows)
			return false
		}
	}
	return true
}

func (r *run) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(r.report.Warnings, text) {
		r.report.Warnings = append(r.report.Warnings, text)
	}
}

// record runs the statements one by one and notes which lock came with which.
func (r *run) record(ctx context.Context, tx *transaction) error {
	var locks []Lock
	for i, s := range r.statements {
		if err := r.execute(ctx, tx, s); err != nil {
			return err
		}
		held, err := r.engine.locks(ctx, r.look, tx.id)
		if err == nil && r.opts.Reveal {
			if err = r.engine.reveal(ctx, r.look, held.locks); err == nil {
				held, err = r.engine.locks(ctx, r.look, tx.id)
			}
		}
		if err != nil {
			return err
		}
		locks = attribute(held.locks, locks, i+1)
		r.report.RowsLocked, r.report.Truncated = held.rowsLocked, held.truncated
	}
	r.report.Locks = locks
	if verb := r.statements[len(r.statements)-1].verb(); !r.opts.Reveal && r.engine.hidesInserts() && (verb == "INSERT" || verb == "REPLACE") {
		r.warn("the locks of fresh rows are implicit, and not listed: --reveal shows them")
	}
	if r.report.Truncated {
		r.warn("the list has only a part of the locks: %d row locks are held in all", r.report.RowsLocked)
	}
	if r.report.RowsLocked > r.opts.MaxRows {
		r.warn("%d row locks were taken, more than --max-rows %d", r.report.RowsLocked, r.opts.MaxRows)
	}
	return nil
}

func (r *run) execute(ctx context.Context, tx *transaction, s statement) error {
	var err error
	r.matched, err = tx.run(ctx, s)
	if err != nil && r.engine.survives(err) {
		r.warn("the statement failed, and these are the locks that it took all the same: %v", r.engine.plain(err, r.opts))
		return nil
	}
	return err
}

// recordWay runs the statements again as repeatable read, which keeps what read
// committed lets go on the way.
func (r *run) recordWay(ctx context.Context) error {
	opts := r.opts
	opts.Isolation = "repeatable-read"
	last := len(r.statements) - 1
	return r.inTransaction(ctx, opts, func(tx *transaction) error {
		warnings := r.report.Warnings
		defer func() { r.report.Warnings = warnings }() // they have been told
		var before snapshot
		for i, s := range r.statements {
			if i == last {
				var err error
				if before, err = r.engine.locks(ctx, r.look, tx.id); err != nil {
					return err
				}
			}
			if err := r.execute(ctx, tx, s); err != nil {
				return err
			}
		}
		all, err := r.engine.locks(ctx, r.look, tx.id)
		r.report.MayWaitOn = letGo(attribute(all.locks, before.locks, last+1), r.report.Locks, last+1)
		return err
	})
}

// transaction is the one on the work connection.
type transaction struct {
	conn *sql.Conn
	id   int64
}

// run runs a statement and returns how many rows it has returned or changed.
func (tx *transaction) run(ctx context.Context, s statement) (n int64, err error) {
	if s.verb() != "SELECT" {
		result, err := tx.conn.ExecContext(ctx, s.text)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	rows, err := tx.conn.QueryContext(ctx, s.text)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// inTransaction calls do in a transaction on a new connection. Afterwards the
// transaction is rolled back and the connection closed for good, with its settings.
func (r *run) inTransaction(ctx context.Context, opts Options, do func(*transaction) error) error {
	conn, err := r.server.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	}()
	id, err := r.engine.begin(ctx, conn, opts)
	if err != nil {
		return err
	}
	defer r.end(ctx, conn, id)
	return do(&transaction{conn, id})
}

// end rolls back. A connection that no longer answers is killed from another one: its
// statement may go on otherwise, and its locks stay.
func (r *run) end(ctx context.Context, conn *sql.Conn, id int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = r.engine.kill(ctx, r.server.db, id) // it fails for a session that has ended already
	}
}
