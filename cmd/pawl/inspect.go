package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pawl-go/pawl"
	"github.com/spf13/cobra"
)

func newInspectCommand() *cobra.Command {
	var rawURL string
	var form output
	cmd := &cobra.Command{
		Use:   "inspect NAME",
		Short: "Show who holds a lock and who waits for it",
		Args:  oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspect(cmd, rawURL, args[0], form)
		},
	}
	addBackendFlag(cmd, &rawURL)
	addOutputFlag(cmd, &form)
	return cmd
}

func inspect(cmd *cobra.Command, rawURL, name string, form output) error {
	var info pawl.Info
	err := withClient(cmd.Context(), rawURL, func(ctx context.Context, client *pawl.Client) (err error) {
		info, err = client.Inspect(ctx, name)
		return err
	})
	switch {
	case err != nil:
		return err
	case form == outputJSON:
		return writeJSON(cmd.OutOrStdout(), stateOf(info))
	case len(info.Holders)+len(info.Waiters) == 0:
		say("nobody holds %q or waits for it", name)
		return nil
	}
	return inspectTable(cmd.OutOrStdout(), info)
}

// inspectTable prints the holders and then the waiters in the order of their turn.
func inspectTable(w io.Writer, info pawl.Info) error {
	table := newTable(w)
	fmt.Fprintln(table, "ROLE\tMODE\tWHO\tSINCE\tUNTIL\tTOKEN\tNOTE")
	for _, h := range info.Holders {
		fmt.Fprintf(table, "holder\t%s\t%s\t%s\t%s\t%d\t%s\n", modeText(info, h),
			printable(h.Owner), clockTime(h.Since), untilText(h), h.Token, printable(h.Note))
	}
	for i, wait := range info.Waiters {
		fmt.Fprintf(table, "waiter %d\t%s\t%s\t%s\t-\t-\t%s\n", i+1, modeOf(wait.Shared, info.Slots),
			printable(wait.Owner), clockTime(wait.Since), printable(wait.Note))
	}
	return table.Flush()
}

// withClient runs do on the backend that rawURL, or else the environment, names.
func withClient(ctx context.Context, rawURL string, do func(context.Context, *pawl.Client) error) error {
	client, _, err := connect(ctx, rawURL, &pawl.Options{Owner: owner()})
	if err != nil {
		return err
	}
	defer disconnect(client)
	return do(ctx, client)
}
