package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/sqlexplain"
	"github.com/spf13/cobra"
)

const explainHelp = `Runs one statement in a transaction of its own, reads from the server which locks it has
taken, and always rolls back. Nothing is changed but the counters behind AUTO_INCREMENT
and sequences, and no setting stays changed.

The locks of --after statements, which run first in the same transaction, stay: BY tells
which statement took which lock.`

// explainFlags are the flags of explain.
type explainFlags struct {
	db   string
	form output
	opts sqlexplain.Options
}

func newExplainCommand() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:     `explain --db URL "STATEMENT"`,
		Short:   "Show which locks an SQL statement takes, asked of the live server",
		Long:    explainHelp,
		Example: `  pawl explain --db mysql://root@127.0.0.1/shop "UPDATE stock SET num = num - 1 WHERE sku = 'a'"`,
		Args:    oneStatement,
		RunE:    func(cmd *cobra.Command, args []string) error { return explain(cmd, &flags, args[0]) },
	}
	addDBFlag(cmd, &flags.db)
	f := cmd.Flags()
	f.StringVar(&flags.opts.Isolation, "isolation", "", "`LEVEL` of the transaction: read-committed, repeatable-read or serializable (default the engine's)")
	f.StringArrayVar(&flags.opts.After, "after", nil, "`SQL` that runs first in the same transaction; can be given several times")
	f.DurationVar(&flags.opts.LockTimeout, "lock-timeout", sqlexplain.DefaultLockTimeout, "how long to wait for a lock of others")
	f.Int64Var(&flags.opts.MaxRows, "max-rows", sqlexplain.DefaultMaxRows, "warn, and do not run, when the plan reads more rows")
	f.BoolVar(&flags.opts.Reveal, "reveal", false, "MySQL, MariaDB: show the locks of fresh rows too, by a scan with SKIP LOCKED that locks every free row for a moment")
	complete(cmd, "isolation", "read-committed", "repeatable-read", "serializable")
	addOutputFlag(cmd, &flags.form)
	return cmd
}

func oneStatement(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("%s wants one statement in quotes, got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// addDBFlag adds the flag of every command that looks at a database server.
func addDBFlag(cmd *cobra.Command, rawURL *string) {
	cmd.Flags().StringVar(rawURL, "db", "", "`URL` of the server: mysql://user:password@host:port/database (MariaDB too) or postgres://...")
}

// withServer runs do on the server of --db until a signal comes.
func withServer(cmd *cobra.Command, rawURL string, do func(context.Context, *sqlexplain.Server) error) error {
	if rawURL == "" {
		return usageError("--db is missing; want mysql://user:password@host:port/database or postgres://user:password@host:port/database")
	}
	ctx, stop, code := untilEnded(cmd.Context())
	defer stop()
	server, err := sqlexplain.Open(ctx, rawURL)
	if err != nil {
		return &exitError{codeUnavailable, err}
	}
	defer func() { _ = server.Close() }()
	err = do(ctx, server)
	switch {
	case err != nil && ctx.Err() != nil:
		return exitWith(code(), "interrupted; whatever was begun is rolled back")
	case errors.Is(err, sqlexplain.ErrRefused):
		return &exitError{codeUsage, err}
	case err != nil:
		return &exitError{codeFailed, err}
	}
	return nil
}

func explain(cmd *cobra.Command, flags *explainFlags, statement string) error {
	if flags.opts.LockTimeout == 0 || flags.opts.MaxRows == 0 {
		return usageError("--lock-timeout and --max-rows cannot be 0")
	}
	return withServer(cmd, flags.db, func(ctx context.Context, server *sqlexplain.Server) error {
		report, err := server.Explain(ctx, statement, &flags.opts)
		switch {
		case err != nil:
			return err
		case flags.form == outputJSON:
			return writeJSON(cmd.OutOrStdout(), report)
		}
		return explainTable(cmd.OutOrStdout(), report)
	})
}

// explainTable prints the report for people.
func explainTable(w io.Writer, r *sqlexplain.Report) error {
	fmt.Fprintf(w, "%s %s, %s\n", r.Engine, r.Version, r.Isolation)
	for i, statement := range append(slices.Clone(r.After), r.Statement) {
		fmt.Fprintf(w, "%d  %s\n", i+1, oneLine(statement))
	}
	table := newTable(w)
	fmt.Fprintln(table, "\nPLAN\tACCESS\tINDEX\tROWS\tDETAIL")
	for _, s := range r.Plan {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", printable(s.Table), s.Access, printable(s.Index), s.Rows, printable(s.Detail))
	}
	if r.Executed {
		lockTable(table, "HELD AFTER", r.Locks)
	}
	if len(r.MayWaitOn) > 0 {
		lockTable(table, "MAY WAIT ON", r.MayWaitOn)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if r.Executed {
		fmt.Fprintf(w, "\nrow locks: %s\n", rowCount(r))
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", text)
	}
	for _, a := range r.Advice {
		fmt.Fprintf(w, "\n%s: %s\n", a.Rule, a.Text)
	}
	return nil
}

// rowCount tells how many row locks there are, as far as that is known.
func rowCount(r *sqlexplain.Report) string {
	switch {
	case r.RowsLocked == 0 && slices.ContainsFunc(r.Warnings, func(text string) bool { return strings.HasPrefix(text, "row locks are not shown") }):
		return "not shown"
	case r.Truncated:
		return fmt.Sprintf("%d, of which the list shows only a part", r.RowsLocked)
	}
	return strconv.FormatInt(r.RowsLocked, 10)
}

// lockTable prints locks, those of one index together, in the order taken.
func lockTable(w io.Writer, title string, locks []sqlexplain.Lock) {
	fmt.Fprintf(w, "\n%s\tINDEX\tKIND\tMODE\tKEY\tBY\n", title)
	for _, l := range byIndex(locks) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", printable(l.Table), printable(l.Index), l.Kind, l.Mode, keyColumn(l.Key), l.By)
	}
}

// byIndex sorts locks by the first appearance of their index, and keeps the order within.
func byIndex(locks []sqlexplain.Lock) []sqlexplain.Lock {
	type place struct{ table, index string }
	first := make(map[place]int)
	for i, l := range locks {
		if _, ok := first[place{l.Table, l.Index}]; !ok {
			first[place{l.Table, l.Index}] = i
		}
	}
	sorted := slices.Clone(locks)
	slices.SortStableFunc(sorted, func(a, b sqlexplain.Lock) int {
		return first[place{a.Table, a.Index}] - first[place{b.Table, b.Index}]
	})
	return sorted
}

func keyColumn(key []string) string {
	if len(key) == 0 {
		return "-"
	}
	values := make([]string, len(key))
	for i, value := range key {
		values[i] = printable(value)
	}
	return strings.Join(values, ", ")
}

// oneLine is a statement without line breaks.
func oneLine(statement string) string { return strings.Join(strings.Fields(statement), " ") }
