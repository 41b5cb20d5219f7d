package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pawl-go/pawl"
	"github.com/spf13/cobra"
)

func newLsCommand() *cobra.Command {
	var rawURL string
	var form output
	cmd := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List the locks that are held or waited for",
		Args:  atMostPrefix,
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			return list(cmd, rawURL, prefix, form)
		},
	}
	addBackendFlag(cmd, &rawURL)
	addOutputFlag(cmd, &form)
	return cmd
}

func list(cmd *cobra.Command, rawURL, prefix string, form output) error {
	var infos []pawl.Info
	err := withClient(cmd.Context(), rawURL, func(ctx context.Context, client *pawl.Client) (err error) {
		infos, err = client.List(ctx, prefix)
		return err
	})
	if err != nil {
		return err
	}
	if form == outputJSON {
		states := make([]lockState, 0, len(infos))
		for _, info := range infos {
			states = append(states, stateOf(info))
		}
		return writeJSON(cmd.OutOrStdout(), states)
	}
	if len(infos) == 0 {
		say("nobody holds a lock or waits for one")
		return nil
	}
	return listTable(cmd.OutOrStdout(), infos)
}

// listTable prints one line for each holder, and one for a lock that is only waited
// for.
func listTable(w io.Writer, infos []pawl.Info) error {
	table := newTable(w)
	fmt.Fprintln(table, "NAME\tMODE\tHOLDER\tSINCE\tUNTIL\tWAITERS\tNOTE")
	for _, info := range infos {
		name, waiters := printable(info.Name), len(info.Waiters)
		if len(info.Holders) == 0 {
			fmt.Fprintf(table, "%s\t-\t-\t-\t-\t%d\t-\n", name, waiters)
		}
		for _, h := range info.Holders {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", name, modeText(info, h),
				printable(h.Owner), clockTime(h.Since), untilText(h), waiters, printable(h.Note))
		}
	}
	return table.Flush()
}

// modeText returns how h holds the lock, for people.
func modeText(info pawl.Info, h pawl.Holder) string {
	mode := modeOf(h.Shared, info.Slots)
	if info.Slots > 0 {
		return fmt.Sprintf("%s of %d", mode, info.Slots)
	}
	return mode
}

func untilText(h pawl.Holder) string {
	if h.Broken {
		return clockTime(h.Until) + " (broken)"
	}
	return clockTime(h.Until)
}
