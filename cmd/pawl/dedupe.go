package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/dedupe"
	"github.com/spf13/cobra"
)

const dedupeHelp = `Deletes rows that have the same key as another one, in small transactions with pauses
between them, while the application goes on. One row of each group stays: the oldest or
the newest by --order-by, where the primary key decides a tie, or by the primary key
alone. What is deleted is copied in the same transaction into --backup-table, which is
TABLE_dups unless another name or --no-backup is given.

Of any number of instances on one table, one works and the others wait in line for a
lock, to take over when it dies. Ctrl-C stops after the batch that is under way; the same
command goes on from there. It ends by itself when no duplicate is left.

Rows with NULL in the key equal no other row unless --include-null is given. Rows that a
foreign key points at are refused unless --on-reference says what to do with them.

Without an index that begins with the key's columns, a work list is made first, by one
scan of the table.`

// dedupeFlags are the flags that need work before they are a job.
type dedupeFlags struct {
	keep, reference  string
	every            time.Duration
	dryRun, noBackup bool
	backend          string
	form             output
}

func newDedupeCommand() *cobra.Command {
	var job dedupe.Job
	flags := dedupeFlags{every: time.Minute}
	cmd := &cobra.Command{
		Use:   "dedupe --db URL --table T --key COL[,COL...] --keep oldest|newest",
		Short: "Delete duplicate rows of a table that is in use",
		Long:  dedupeHelp,
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return dedupeTable(cmd, job, flags) },
	}
	f := cmd.Flags()
	f.Var((*urlFlag)(&job.URL), "db", "`URL` of the database: mysql://USER:PASSWORD@HOST/DB (MariaDB too), postgres://USER:PASSWORD@HOST/DB or sqlite:///path")
	f.StringVar(&job.Table, "table", "", "the `table`, as T or SCHEMA.T")
	f.StringSliceVar(&job.Key, "key", nil, "the `columns` that make two rows duplicates, parted by commas")
	f.StringVar(&flags.keep, "keep", "", "which row of a group stays: `oldest|newest`")
	f.StringVar(&job.OrderBy, "order-by", "", "`column` that tells how old a row is; NULL is the oldest (default the primary key)")
	f.IntVar(&job.Batch, "batch", 1000, "rows that a transaction locks at most")
	f.Var(seconds{&flags.every}, "every", "`time` from the start of one batch to the next, 0 for no pause")
	f.BoolVar(&flags.dryRun, "dry-run", false, "count, and change nothing")
	f.StringVar(&job.BackupTable, "backup-table", "", "`table` that gets the deleted rows (default TABLE_dups)")
	f.BoolVar(&flags.noBackup, "no-backup", false, "keep no copy of the deleted rows")
	f.BoolVar(&job.IncludeNull, "include-null", false, "rows with NULL in the key are duplicates of each other too")
	f.BoolVar(&job.AddUniqueIndex, "add-unique-index", false, "add a unique index on the key when no duplicate is left")
	f.StringVar(&flags.reference, "on-reference", string(dedupe.Refuse), "what to do with a duplicate that a foreign key points at: `refuse|repoint|skip`")
	addBackendFlag(cmd, &flags.backend)
	addOutputFlag(cmd, &flags.form)
	complete(cmd, "keep", string(dedupe.Oldest), string(dedupe.Newest))
	complete(cmd, "on-reference", string(dedupe.Refuse), string(dedupe.Repoint), string(dedupe.Skip))
	return cmd
}

// dedupeTable runs a job, or counts for it.
func dedupeTable(cmd *cobra.Command, job dedupe.Job, flags dedupeFlags) error {
	if err := fillJob(cmd, &job, flags); err != nil {
		return err
	}
	if err := job.Check(); err != nil {
		return dedupeError(err)
	}
	hands, stop := watchHands(cmd.Context())
	defer stop()
	db, err := dedupe.Open(hands.now, job.URL)
	if err != nil {
		return hands.orError(err)
	}
	defer func() { _ = db.Close() }()
	progress := newDedupeProgress(os.Stderr)
	job.Progress = progress.show
	plan, err := db.Plan(hands.now, job)
	if err != nil {
		return hands.orError(err)
	}
	if plan.Index() == "" {
		say("no index begins with the key's columns in ascending order; one scan of the table makes a work list first")
	}
	report, err := runPlan(hands, plan, flags)
	progress.clear()
	if report != nil {
		if printErr := printDedupe(cmd.OutOrStdout(), report, flags.form); err == nil {
			err = printErr
		}
	}
	return hands.orError(err)
}

// fillJob turns the flags into what the job wants.
func fillJob(cmd *cobra.Command, job *dedupe.Job, flags dedupeFlags) error {
	named := cmd.Flags().Changed("backup-table")
	switch {
	case named && flags.noBackup:
		return usageError("--backup-table and --no-backup exclude each other")
	case named && job.BackupTable == "":
		return usageError("--backup-table: want the name of a table, or --no-backup")
	case !named && !flags.noBackup && job.Table != "":
		job.BackupTable = job.Table + "_dups"
	}
	if job.URL != "" {
		job.URL = absolute(job.URL)
	}
	job.Keep, job.OnReference, job.Every = dedupe.Keep(flags.keep), dedupe.OnReference(flags.reference), flags.every
	return nil
}

// runPlan runs the plan under its lock. A dry run needs none.
func runPlan(hands *hands, plan *dedupe.Plan, flags dedupeFlags) (report *dedupe.Report, err error) {
	if flags.dryRun {
		return plan.DryRun(hands.now)
	}
	client, _, err := connect(hands.now, flags.backend, &pawl.Options{Owner: owner()})
	if err != nil {
		return nil, err
	}
	defer disconnect(client)
	lock, err := takeTurn(hands, client, plan.LockName())
	if err != nil {
		return nil, err
	}
	report, err = plan.Run(lock.Context(), hands.soon, lock.Token())
	if unlockErr := lock.Unlock(); err == nil && !errors.Is(unlockErr, pawl.ErrLost) {
		err = unlockErr
	}
	return report, err
}

// takeTurn waits in line for the lock. The first signal ends the waiting, but not the work
// under the lock, which the second one does.
func takeTurn(hands *hands, client *pawl.Client, name string) (*pawl.Lock, error) {
	lock, err := client.TryLock(hands.later, name)
	if !errors.Is(err, pawl.ErrHeld) {
		return lock, err
	}
	var held *pawl.HeldError
	if errors.As(err, &held) && held.Owner != "" {
		say("another instance works: %s; waiting to take over", printable(held.Owner))
	}
	ctx, cancel := context.WithCancel(hands.later)
	release := context.AfterFunc(hands.soon, cancel)
	lock, err = client.Lock(ctx, name)
	if !release() && err == nil { // the signal came with the lock
		err = errors.Join(context.Canceled, lock.Unlock())
	}
	if err != nil {
		cancel()
		return nil, err
	}
	context.AfterFunc(lock.Context(), cancel)
	return lock, nil
}

// dedupeError gives an error of a job its exit code. The kind of it says nothing to people.
func dedupeError(err error) error {
	var code int
	switch {
	case errors.Is(err, dedupe.ErrUsage):
		code = codeUsage
	case errors.Is(err, dedupe.ErrStale):
		code = codeLost
	case errors.Is(err, dedupe.ErrRefused):
		code = codeConfig
	default:
		return err
	}
	text := err.Error()
	for _, kind := range []error{dedupe.ErrUsage, dedupe.ErrRefused} {
		text = strings.ReplaceAll(strings.ReplaceAll(text, ": "+kind.Error(), ""), kind.Error()+": ", "")
	}
	return &exitError{code, errors.New(text)}
}
