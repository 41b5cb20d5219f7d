package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/sqlexplain"
	"github.com/spf13/cobra"
)

// watchEvery is how often --watch looks. MariaDB renews what it shows only when nobody
// has looked for 0.1 s.
const watchEvery = time.Second

const waitsHelp = `Shows which sessions of a database server wait for locks, and for whom: chain by chain, the
oldest first, each with its root first. The root waits for nobody; when it is idle, its
client has forgotten to end its transaction, or is doing something else meanwhile.`

func newWaitsCommand() *cobra.Command {
	var rawURL string
	var form output
	var watch bool
	cmd := &cobra.Command{
		Use:   "waits --db URL",
		Short: "Show which SQL sessions wait for each other now",
		Long:  waitsHelp,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServer(cmd, rawURL, func(ctx context.Context, server *sqlexplain.Server) error {
				if watch {
					return watchWaits(ctx, cmd.OutOrStdout(), server, form)
				}
				return showWaits(ctx, cmd.OutOrStdout(), server, form)
			})
		},
	}
	addDBFlag(cmd, &rawURL)
	addOutputFlag(cmd, &form)
	cmd.Flags().BoolVar(&watch, "watch", false, "look again every second until Ctrl-C")
	return cmd
}

// watchWaits shows the waits until ctx ends, which is how it is meant to end.
func watchWaits(ctx context.Context, w io.Writer, server *sqlexplain.Server, form output) error {
	for {
		if form == outputTable {
			fmt.Fprintf(w, "%s\n", time.Now().Format(time.TimeOnly))
		}
		if err := showWaits(ctx, w, server, form); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

func showWaits(ctx context.Context, w io.Writer, server *sqlexplain.Server, form output) error {
	sessions, err := server.Waits(ctx)
	switch {
	case err != nil:
		return err
	case form == outputJSON:
		return writeJSON(w, sessions)
	case len(sessions) == 0:
		say("nobody waits for a lock")
		return nil
	}
	return waitsTable(w, sessions)
}

// waitsTable prints a line for each session.
func waitsTable(w io.Writer, sessions []sqlexplain.Session) error {
	table := newTable(w)
	fmt.Fprintln(table, "SESSION\tBLOCKED BY\tROOT\tWAITS FOR\tMODE\tWAITED\tOPEN\tUSER\tDB\tSTATEMENT")
	for _, s := range sessions {
		statement := oneLine(s.Statement)
		if s.Idle {
			statement = strings.TrimSuffix("(idle) "+statement, " ")
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, ids(s.BlockedBy), s.Root, printable(s.WaitsFor), printable(s.Mode),
			tenths(s.Waited), tenths(s.Transaction), printable(s.User), printable(s.DB), printable(statement))
	}
	return table.Flush()
}

func ids(sessions []int64) string {
	if len(sessions) == 0 {
		return "-"
	}
	text := make([]string, len(sessions))
	for i, id := range sessions {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ",")
}

// tenths is a duration for people.
func tenths(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(100 * time.Millisecond).String()
}
