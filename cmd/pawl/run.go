package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const runHelp = `Takes the locks, runs the command while it holds them, and gives them back when the
command and every process of its group has ended. It exits with the exit code of
the command, or 128 and the number of the signal that killed it.

The command gets PAWL_NAME, PAWL_TOKEN, PAWL_OWNER and PAWL_BACKEND in its
environment; of several names each stands in a line of its own. It runs in a process
group of its own, to which all signals are forwarded.

When the lock cannot be kept, the group gets TERM and, after the grace, KILL: it
never runs beside the next holder. Processes of the group that the command leaves
behind get the same. A process that has left the group, as a daemon does, is not
waited for.

A name that begins with a dash goes behind a "--" of its own: -- -NAME -- COMMAND.
Several names are all taken or none, in one order. Runs within runs of other names
work; that their names are taken in the same order everywhere is up to you.

Exit codes of pawl itself:
   1  the lock is held (--conflict-exit-code)
  64  wrong use: a flag, a name, or a name within itself
  69  the backend is not available
  71  no process could be started
  75  the lock was lost, and the command was ended (--lost-exit-code)
  78  wrong configuration: the backend's URL or file
 126  the command cannot be run
 127  there is no such command`

// runOptions are the command line of "pawl run".
type runOptions struct {
	backend  string
	noWait   bool
	wait     time.Duration
	waitSet  bool
	shared   bool
	excl     bool
	slots    int
	slotsSet bool
	ttl      time.Duration
	ttlSet   bool
	grace    time.Duration
	graceSet bool
	heldCode int
	lostCode int
	shell    string
	shellSet bool
	note     string

	names   []string
	command []string // of "-- COMMAND"; empty with --command
}

func newRunCommand() *cobra.Command {
	o := &runOptions{ttl: pawl.DefaultTTL}
	cmd := &cobra.Command{
		Use:   "run [flags] NAME [NAME...] -- COMMAND [ARG...]",
		Short: "Run a command while holding a lock",
		Long:  runHelp,
		Example: `  pawl run nightly-report -- ./report.sh
  pawl run --no-wait deploy -- make deploy
  pawl run --wait 30s --shared catalogue -- ./read-catalogue
  pawl run gpu --slots 4 -- ./train`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args); err != nil {
				return err
			}
			return o.run()
		},
	}
	o.addFlags(cmd.Flags())
	addBackendFlag(cmd, &o.backend)
	return cmd
}

func (o *runOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVarP(&o.noWait, "no-wait", "n", false, "do not wait for the lock")
	flags.VarP(seconds{&o.wait}, "wait", "w", "wait for the lock no longer than this, as 10s or, in seconds, 10 (default no limit)")
	flags.BoolVarP(&o.shared, "shared", "s", false, "share the lock with others that do")
	flags.BoolVarP(&o.excl, "exclusive", "x", false, "share the lock with nobody (default)")
	flags.IntVar(&o.slots, "slots", 0, "let `N` hold it at the same time; everyone must say the same N")
	flags.Var(seconds{&o.ttl}, "ttl", "how long the lock stays taken when this machine dies")
	flags.Var(seconds{&o.grace}, "grace", "time between TERM and KILL (default a third of --ttl)")
	flags.IntVarP(&o.heldCode, "conflict-exit-code", "E", codeFailed, "exit `CODE` when the lock is held by others")
	flags.IntVar(&o.lostCode, "lost-exit-code", codeLost, "exit `CODE` when the lock was lost")
	flags.StringVarP(&o.shell, "command", "c", "", "run `STRING` with $SHELL, in place of -- COMMAND")
	flags.StringVar(&o.note, "note", "", "`TEXT` for people who inspect the lock")
	flags.SetNormalizeFunc(asFlock)
}

// asFlock lets the long flags of flock(1) be used too.
func asFlock(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "nb", "nonblock":
		name = "no-wait"
	case "timeout":
		name = "wait"
	}
	return pflag.NormalizedName(name)
}

// check completes o from the arguments and refuses what does not fit together.
func (o *runOptions) check(cmd *cobra.Command, args []string) error {
	flags := cmd.Flags()
	o.waitSet, o.slotsSet, o.ttlSet = flags.Changed("wait"), flags.Changed("slots"), flags.Changed("ttl")
	o.graceSet, o.shellSet = flags.Changed("grace"), flags.Changed("command")
	if err := o.splitArgs(args, cmd.ArgsLenAtDash()); err != nil {
		return err
	}
	switch {
	case o.noWait && o.waitSet:
		return usageError("--no-wait with --wait: want one of them")
	case o.shared && o.excl:
		return usageError("--shared with --exclusive: want one of them")
	case o.slotsSet && o.slots < 1:
		return usageError("--slots %d: want 1 or more", o.slots)
	case o.slotsSet && o.shared:
		return usageError("--slots with --shared: want one of them")
	case o.ttl == 0:
		return usageError("--ttl 0: want more than that, as in --ttl 15s")
	}
	for flag, code := range map[string]int{"conflict-exit-code": o.heldCode, "lost-exit-code": o.lostCode} {
		if code < 0 || code > 255 {
			return usageError("--%s %d: want 0 to 255", flag, code)
		}
	}
	return o.checkGrace()
}

// checkGrace sets the default. More than half of the TTL would send TERM before the
// lock, which is renewed when a third of its TTL is over, had a fair chance.
func (o *runOptions) checkGrace() error {
	if !o.graceSet {
		o.grace = o.ttl / 3
	}
	if o.grace > o.ttl/2 {
		return usageError("--grace %v: want at most half of the --ttl of %v", o.grace, o.ttl)
	}
	return nil
}

const runForm = "want pawl run [flags] NAME [NAME...] -- COMMAND [ARG...]"

// splitArgs tells names and command apart; dash is the number of arguments before
// "--", or -1.
func (o *runOptions) splitArgs(args []string, dash int) error {
	o.names = args
	if next := slices.Index(args, "--"); dash == 0 && next > 0 {
		// "-- -NAME -- COMMAND": the only way to a name that begins with a dash.
		o.names, o.command = args[:next], args[next+1:]
	} else if dash >= 0 {
		o.names, o.command = args[:dash], args[dash:]
	}
	switch {
	case len(o.names) == 0:
		return usageError("no lock named; %s", runForm)
	case o.shellSet && len(o.command) > 0:
		return usageError("--command with -- %s: want one of them", o.command[0])
	case o.shellSet:
		return nil
	case dash < 0:
		return usageError("no \"--\" before the command; %s", runForm)
	case len(o.command) == 0:
		return usageError("no command after \"--\"; %s", runForm)
	}
	return nil
}

// wants is what to ask the library for.
func (o *runOptions) wants() []pawl.Wanted {
	opts := []pawl.LockOption{pawl.Note(o.note)}
	switch {
	case o.shared:
		opts = append(opts, pawl.Shared())
	case o.slotsSet:
		opts = append(opts, pawl.Slots(o.slots))
	}
	switch {
	case o.noWait:
		opts = append(opts, pawl.Wait(0))
	case o.waitSet:
		opts = append(opts, pawl.Wait(o.wait))
	}
	if o.ttlSet {
		opts = append(opts, pawl.TTL(o.ttl))
	}
	wants := make([]pawl.Wanted, len(o.names))
	for i, name := range o.names {
		wants[i] = pawl.Want(name, opts...)
	}
	return wants
}

// lockError says why the locks could not be had.
func (o *runOptions) lockError(err error) error {
	var held *pawl.HeldError
	switch {
	case errors.As(err, &held):
		return &exitError{o.heldCode, o.heldText(held)}
	case errors.Is(err, pawl.ErrUnavailable):
		return &exitError{codeUnavailable, err}
	case errors.Is(err, pawl.ErrHeld):
		return &exitError{o.heldCode, err}
	case errors.Is(err, pawl.ErrLost):
		return &exitError{o.lostCode, err}
	}
	return err
}

// heldText says who holds the lock and what to do.
func (o *runOptions) heldText(held *pawl.HeldError) error {
	text := fmt.Sprintf("lock %q is held", held.Name)
	if held.Owner != "" {
		text += " by " + printable(held.Owner)
	}
	if !held.Since.IsZero() {
		text += " since " + clockTime(held.Since)
	}
	if o.waitSet && o.wait > 0 {
		return fmt.Errorf("%s; gave up after %v: try again later or wait longer with --wait", text, o.wait)
	}
	return fmt.Errorf("%s; try again later or wait with --wait", text)
}

// naming returns the names for a text.
func (o *runOptions) naming() string {
	quoted := make([]string, len(o.names))
	for i, name := range o.names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	if len(quoted) == 1 {
		return "lock " + quoted[0]
	}
	return "locks " + strings.Join(quoted, ", ")
}
