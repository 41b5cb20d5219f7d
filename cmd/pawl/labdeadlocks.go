package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pawl-go/pawl/internal/deadlocks"
	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/servers"
	"github.com/pawl-go/pawl/sqlexplain"
	"github.com/spf13/cobra"
)

const labDeadlocksLine = "the known kinds of deadlocks, provoked on a real server and explained"

const labDeadlocksHelp = `Provokes each known kind of deadlock on a database and explains what the server has reported.

Nothing is left to chance: a further session looks at the server until both transactions are
where they must be. It makes a table pawl_deadlock and drops it in the end.

PostgreSQL reports deadlocks in its log alone, which can be read for the one that --servers
starts; for another one, give its log to pawl deadlocks.`

// deadlockRun is a kind of deadlock that was provoked, and what the server reported.
type deadlockRun struct {
	Engine string               `json:"engine"`
	Kind   string               `json:"kind"`
	Line   string               `json:"line"`
	Report *sqlexplain.Deadlock `json:"report"` // nil where there is none to read
}

func newLabDeadlocksCommand() *cobra.Command {
	var urls []string
	var start bool
	var form output
	cmd := &cobra.Command{
		Use:   "deadlocks {--db URL | --servers}",
		Short: labDeadlocksLine,
		Long:  labDeadlocksHelp,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(urls) == 0 && !start {
				return usageError("want --db mysql://user:password@host:port/database, --db postgres://..., or --servers")
			}
			return labDeadlocks(cmd, urls, start, form)
		},
	}
	cmd.Flags().StringArrayVar(&urls, "db", nil, "`URL` of a database: mysql:// (MariaDB too) or postgres://; may be given several times")
	cmd.Flags().BoolVar(&start, "servers", false, "start the PostgreSQL, MySQL and MariaDB that are installed here, and use them")
	addOutputFlag(cmd, &form)
	return cmd
}

func labDeadlocks(cmd *cobra.Command, urls []string, start bool, form output) error {
	ctx, stop, code := untilEnded(cmd.Context())
	defer stop()
	log := ""
	if start {
		fmt.Fprintln(os.Stderr, "starting servers")
		set, err := servers.Start(ctx, isServerName)
		if err != nil {
			return err
		}
		defer set.Close()
		for _, name := range serverNames {
			if url := set.DBs[name]; url != "" {
				urls = append(urls, url)
			}
		}
		log = set.PostgresLog
	}
	var runs []deadlockRun
	for _, url := range urls {
		more, err := provokeAll(ctx, url, log)
		if err != nil {
			if ctx.Err() != nil {
				return exitWith(code(), "interrupted; the transactions are rolled back")
			}
			return &exitError{codeFailed, err}
		}
		runs = append(runs, more...)
	}
	return printDeadlockRuns(cmd.OutOrStdout(), runs, form)
}

// provokeAll provokes each kind on one database. log is the file of a PostgreSQL's log,
// or "".
func provokeAll(ctx context.Context, rawURL, log string) (runs []deadlockRun, err error) {
	server, err := sqlexplain.Open(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }()
	db, err := lab.OpenDB(ctx, rawURL, 5)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	for _, kind := range deadlocks.Kinds(server.Engine()) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", server.Engine(), kind.Name)
		if _, err := deadlocks.Provoke(ctx, server.Engine(), db.DB, kind); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", server.Engine(), kind.Name, err)
		}
		report, err := latestDeadlock(ctx, server, log)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", server.Engine(), kind.Name, err)
		}
		if report != nil && report.Kind != kind.Name {
			return nil, fmt.Errorf("%s: provoked %s, and the report reads as %q", server.Engine(), kind.Name, report.Kind)
		}
		runs = append(runs, deadlockRun{Engine: server.Engine(), Kind: kind.Name, Line: kind.Line, Report: report})
	}
	return runs, nil
}

// latestDeadlock returns what the server has reported last, or nil where that cannot be
// read.
func latestDeadlock(ctx context.Context, server *sqlexplain.Server, log string) (*sqlexplain.Deadlock, error) {
	if server.Engine() != "postgresql" {
		return server.Deadlock(ctx)
	}
	if log == "" {
		return nil, nil
	}
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all, err := sqlexplain.ReadPostgresLog(file)
	if err != nil {
		return nil, err
	}
	return all[len(all)-1], nil
}

func printDeadlockRuns(w io.Writer, runs []deadlockRun, form output) error {
	if form == outputJSON {
		return writeJSON(w, runs)
	}
	for i, run := range runs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "== %s: %s ==\n%s\n", run.Engine, run.Kind, run.Line)
		if run.Report == nil {
			fmt.Fprintln(w, "Provoked. The report is in the server's log: pawl deadlocks FILE explains it.")
			continue
		}
		if err := deadlockTable(w, run.Report); err != nil {
			return err
		}
	}
	return nil
}
