// Command pawl runs commands under a lock, and shows and breaks the locks of a
// backend. "pawl help" lists what it can do.
package main

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	// A helper of "pawl run" is this same program; it must not load the rest.
	if code, ok := runHelper(os.Args[1:]); ok {
		os.Exit(code)
	}
	quiet()
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
		return usageError("%s; %q lists the flags", flagText(err), cmd.CommandPath()+" --help")
	})
	root.AddCommand(
		newRunCommand(),
		newLsCommand(),
		newInspectCommand(),
		newBreakCommand(),
		newDoctorCommand(),
		newExplainCommand(),
		newDeadlocksCommand(),
		newWaitsCommand(),
		newLabCommand(),
		newDedupeCommand(),
		newVersionCommand(),
	)
	tighten(root)
	return root
}

// tighten makes cobra's own commands refuse what they would overlook.
func tighten(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = knownTopic
		case "completion":
			cmd.Args = knownCommand
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		}
	}
}

// knownTopic refuses help for what is no command.
func knownTopic(cmd *cobra.Command, args []string) error {
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 && topic.HasSubCommands() {
		return usageError("no help for %q; %q lists the commands", strings.Join(args, " "), cmd.Root().Name()+" help")
	}
	return nil
}

// flagText is what is wrong with a flag, without the words of package strconv.
func flagText(err error) string {
	var number *strconv.NumError
	if !errors.As(err, &number) {
		return err.Error()
	}
	want := "want a whole number that is not too large"
	if number.Func == "ParseBool" {
		want = "want true or false"
	}
	return strings.Replace(err.Error(), number.Error(), want, 1)
}

// knownCommand refuses what is no subcommand, in one line.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("unknown command %q; %q lists the commands", args[0], cmd.CommandPath()+" --help")
}
