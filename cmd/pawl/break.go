package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/spf13/cobra"
)

func newBreakCommand() *cobra.Command {
	var rawURL string
	var force bool
	cmd := &cobra.Command{
		Use:   "break NAME",
		Short: "Take a lock from its holders",
		Long: `Forbids the holders of NAME any further renewal. They are told at their next one,
and the lock is free when their lease has run out: no two ever hold it at once.

With --force it is free at once, while its holders may still be working. They may
go on beside the next holder until their next renewal; only a resource that checks
fencing tokens is protected. Use it when the holders are known to be dead.`,
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(cmd.Context(), rawURL, func(ctx context.Context, client *pawl.Client) error {
				return breakLock(ctx, cmd, client, args[0], force)
			})
		},
	}
	addBackendFlag(cmd, &rawURL)
	cmd.Flags().BoolVar(&force, "force", false, "free it at once, even if its holders still work")
	return cmd
}

func breakLock(ctx context.Context, cmd *cobra.Command, client *pawl.Client, name string, force bool) error {
	info, err := client.Inspect(ctx, name)
	if err != nil && !errors.Is(err, pawl.ErrUnsupported) { // it can still be broken, unseen
		return err
	}
	do, done := client.Break, breakText
	if force {
		do, done = client.Force, forceText
	}
	err = do(ctx, name)
	if errors.Is(err, pawl.ErrNotHeld) {
		return exitWith(codeFailed, "nobody holds %q; \"pawl ls\" lists the locks that are held", name)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), done(info, name))
	return err
}

func breakText(info pawl.Info, name string) string {
	var last pawl.Holder
	for _, h := range info.Holders {
		if h.Until.After(last.Until) {
			last = h
		}
	}
	return fmt.Sprintf("%s broken; was held by %s; it is told at its next renewal, and the lock is free at %s at the latest",
		printable(name), holders(info), clockTime(last.Until))
}

func forceText(info pawl.Info, name string) string {
	return fmt.Sprintf("%s freed; was held by %s; it may go on working until its next renewal, and only fencing tokens protect from that",
		printable(name), holders(info))
}

// holders says who holds a lock.
func holders(info pawl.Info) string {
	var texts []string
	for _, h := range info.Holders {
		texts = append(texts, fmt.Sprintf("%s since %s", printable(h.Owner), clockTime(h.Since)))
	}
	if len(texts) == 0 {
		return "an unknown holder"
	}
	return strings.Join(texts, ", ")
}
