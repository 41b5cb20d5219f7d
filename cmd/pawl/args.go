package main

import (
	"github.com/spf13/cobra"
)

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneName wants the name of a lock as the only argument.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("%s wants the name of one lock, got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}

// atMostPrefix wants nothing or the beginning of the names.
func atMostPrefix(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError("%s wants at most one prefix, got %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}
