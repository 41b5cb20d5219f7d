package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pawl-go/pawl/sqlexplain"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const deadlocksHelp = `Explains deadlocks: who held what, who waited for what, with which statement, who was the
victim, and what to change.

With --db it is the latest one of a MySQL or MariaDB. PostgreSQL tells of deadlocks in its
log alone: give the file, or - for standard input. A file may also hold the text of SHOW
ENGINE INNODB STATUS.

It exits with 1 when there is no deadlock on record.`

func newDeadlocksCommand() *cobra.Command {
	var rawURL string
	var form output
	cmd := &cobra.Command{
		Use:   "deadlocks {--db URL | FILE | -}",
		Short: "Explain why two transactions deadlocked",
		Long:  deadlocksHelp,
		Args:  atMostOneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainDeadlocks(cmd, rawURL, args, form)
		},
	}
	addDBFlag(cmd, &rawURL)
	addOutputFlag(cmd, &form)
	return cmd
}

func atMostOneFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError("%s wants one file, or - for standard input, got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

func explainDeadlocks(cmd *cobra.Command, rawURL string, args []string, form output) error {
	var found []*sqlexplain.Deadlock
	var err error
	switch {
	case rawURL != "" && len(args) > 0:
		return usageError("give --db or a file, not both")
	case rawURL != "":
		err = withServer(cmd, rawURL, func(ctx context.Context, server *sqlexplain.Server) error {
			latest, err := server.Deadlock(ctx)
			found = append(found, latest)
			return err
		})
	default:
		found, err = readDeadlocks(args)
	}
	switch {
	case errors.Is(err, sqlexplain.ErrNoDeadlock):
		return &exitError{codeFailed, err}
	case err != nil:
		return err
	case form == outputJSON:
		return writeJSON(cmd.OutOrStdout(), found)
	}
	for i, d := range found {
		if i > 0 {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		if err := deadlockTable(cmd.OutOrStdout(), d); err != nil {
			return err
		}
	}
	return nil
}

// readDeadlocks reads a file, or what is piped in.
func readDeadlocks(args []string) ([]*sqlexplain.Deadlock, error) {
	if len(args) == 0 && term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, usageError("want --db URL, a file, or - for standard input")
	}
	if len(args) == 0 || args[0] == "-" {
		return sqlexplain.ReadDeadlocks(os.Stdin)
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, &exitError{codeIO, err}
	}
	defer file.Close()
	return sqlexplain.ReadDeadlocks(file)
}

// deadlockTable prints one deadlock for people.
func deadlockTable(w io.Writer, d *sqlexplain.Deadlock) error {
	kind := d.Kind
	if kind == "" {
		kind = "of no known kind"
	}
	fmt.Fprintf(w, "%s, %s: %s\n", d.Engine, d.When, kind)
	table := newTable(w)
	for i, p := range d.Transactions {
		victim := ""
		if p.Victim {
			victim = ", the victim"
		}
		fmt.Fprintf(w, "\n(%d) transaction %s of session %d%s\n", i+1, p.ID, p.Session, victim)
		for _, text := range p.Earlier {
			fmt.Fprintf(w, "    earlier: %s\n", oneLine(text))
		}
		fmt.Fprintf(w, "    %s\n", oneLine(p.Statement))
		partyLocks(table, "holds", p.Holds)
		partyLocks(table, "waits for", p.WaitsFor)
		if err := table.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\n%s\n\n%s\n", cycleText(d), d.Text)
	return nil
}

func partyLocks(w io.Writer, role string, locks []sqlexplain.Lock) {
	for _, l := range locks {
		fmt.Fprintf(w, "    %s\t%s\t%s\t%s\t%s\t%s\n", role, printable(l.Table), printable(l.Index), l.Kind, l.Mode, keyColumn(l.Key))
	}
}

// cycleText draws who waits for whom and at what.
func cycleText(d *sqlexplain.Deadlock) string {
	cycle := d.Cycle()
	if len(cycle) == 0 {
		return "The report does not tell who waited for whom."
	}
	var b strings.Builder
	for i, at := range cycle {
		fmt.Fprintf(&b, "(%d)", at+1)
		if i+1 == len(cycle) {
			break
		}
		at := "?"
		if waits := d.Transactions[cycle[i]].WaitsFor; len(waits) > 0 {
			at = strings.TrimSpace(fmt.Sprintf("%s %s [%s]", waits[0].Table, waits[0].Index, strings.Join(waits[0].Key, ", ")))
		}
		fmt.Fprintf(&b, " --%s--> ", oneLine(at))
	}
	return b.String()
}
