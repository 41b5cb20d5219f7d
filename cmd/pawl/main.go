// Command pawl runs commands under a lock, and shows and breaks the locks of a
// backend. "pawl help" lists what it can do.
package main

import (
	"os"

	"github.com/spf13/cobra"
)

func main() {
	// A helper of "pawl run" is this same program; it must not load the rest.
	if code, ok := runHelper(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(report(newRootCommand().Execute()))
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pawl",
		Short: "One at a time: run commands under a lock, on the engine that you already have",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SilenceErrors: true, // report prints them, in one line
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%v; %q lists the flags", err, cmd.CommandPath()+" --help")
	})
	root.AddCommand(
		newRunCommand(),
		newLsCommand(),
		newInspectCommand(),
		newBreakCommand(),
		newLabCommand(),
		newVersionCommand(),
	)
	return root
}

// knownCommand refuses what is no subcommand, in one line.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("unknown command %q; %q lists the commands", args[0], cmd.CommandPath()+" help")
}
