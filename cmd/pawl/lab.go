package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/flashsale"
	"github.com/pawl-go/pawl/internal/lab/leave"
	"github.com/pawl-go/pawl/internal/lab/pipeline"
	"github.com/pawl-go/pawl/internal/lab/signup"
	"github.com/pawl-go/pawl/internal/lab/transfer"
	"github.com/spf13/cobra"
)

// workerCommand is the hidden command that a worker process of the lab runs.
const workerCommand = "worker"

// scenarios returns the races of the lab.
func scenarios() []*lab.Scenario {
	return []*lab.Scenario{flashsale.Scenario(), leave.Scenario(), transfer.Scenario(), signup.Scenario(), pipeline.Scenario()}
}

func newLabCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Run the classic races for real, with processes that are killed and paused",
		Long: "Run the classic races for real: several processes, a real database, and processes that are\n" +
			"killed and paused in the worst moment. Alone it lists what there is.",
		Args: knownScenario,
		RunE: func(cmd *cobra.Command, _ []string) error { return listLab(cmd.OutOrStdout()) },
	}
	for _, scenario := range scenarios() {
		cmd.AddCommand(newScenarioCommand(scenario))
	}
	cmd.AddCommand(newLabDeadlocksCommand(), newLabWorkerCommand())
	return cmd
}

func knownScenario(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, scenario := range scenarios() {
		names = append(names, scenario.Name)
	}
	return usageError("unknown scenario %q, want %s; %q explains them", args[0], strings.Join(names, " or "), cmd.CommandPath())
}

// listLab prints every scenario and strategy in a line.
func listLab(w io.Writer) error {
	table := newTable(w)
	for _, scenario := range scenarios() {
		fmt.Fprintf(table, "%s\t%s\n", scenario.Name, scenario.Line)
		for _, strategy := range scenario.Strategies {
			fmt.Fprintf(table, "  %s\t%s\n", strategy.Name, strategy.Line)
		}
	}
	fmt.Fprintf(table, "deadlocks\t%s\n", labDeadlocksLine)
	fmt.Fprintf(table, "\nRun one with: pawl lab %s\n", scenarios()[0].Name)
	return table.Flush()
}

// newLabWorkerCommand is what a worker process runs.
func newLabWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    workerCommand,
		Hidden: true,
		Args:   noArgs,
		RunE: func(*cobra.Command, []string) error {
			err := lab.Work(scenarios(), os.Stdin, os.Stdout)
			if errors.Is(err, lab.ErrNoJob) {
				return &exitError{codeUsage, err}
			}
			return err
		},
	}
}

// labFlags are the flags of a scenario that need work before they are a session.
type labFlags struct {
	strategy, faults string
	backends         []string
	servers          string // names parted by commas, all, or empty
	report           string
	repeat           int
	form             output
}

func newScenarioCommand(scenario *lab.Scenario) *cobra.Command {
	session := &lab.Session{Scenario: scenario}
	var flags labFlags
	cmd := &cobra.Command{
		Use:   scenario.Name,
		Short: scenario.Line,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runScenario(cmd, session, flags)
		},
	}
	f := cmd.Flags()
	words := scenario.Words.Filled()
	f.IntVar(&session.Stock, "stock", cmp.Or(scenario.Stock, 100), words.Stock)
	f.IntVar(&session.Buyers, "buyers", cmp.Or(scenario.Buyers, 1000), words.Wants)
	if words.Products != "" {
		f.IntVar(&session.Products, "products", max(scenario.Products, 1), words.Products)
	}
	if words.Limit != "" {
		f.IntVar(&session.Limit, "limit", 0, words.Limit+" (default any number)")
	}
	f.IntVar(&session.Procs, "procs", 4, "worker processes")
	f.IntVar(&session.Clients, "clients", 8, "buyers that a process serves at once")
	f.StringVar(&flags.strategy, "strategy", "all", "`names` parted by commas, or all")
	f.StringVar(&flags.faults, "faults", "all", "what strikes a worker or the lock server, parted by commas: `"+strings.ReplaceAll(lab.FaultNames(), " or ", ", ")+"`")
	f.StringVar(&session.DB, "db", "", "`URL` of the database: sqlite:///path, mysql://user:password@host/db or postgres://...; makes tables pawl_lab_* in it, and turns the WAL mode of a SQLite file on; with --servers also postgres, mysql or mariadb (default a new SQLite file, removed in the end)")
	f.StringArrayVarP(&flags.backends, "backend", "b", nil, "`URL` of the locks; may be given several times (default a new SQLite file, removed in the end)")
	f.StringVar(&flags.servers, "servers", "", "start real servers for the run and stop them after it: those of these `names` that keep locks ("+strings.Join(lockNames, ", ")+"), as in --servers=redis,etcd; alone, all that are installed here")
	f.Lookup("servers").NoOptDefVal = allServers
	f.StringVar(&flags.report, "report", "", "write a page to this `file`: tables, bars, timelines of the faults, explanations")
	f.Uint64Var(&session.Seed, "seed", 0, "order of the buyers and moment of the faults (default a random one)")
	f.IntVar(&flags.repeat, "repeat", 1, "do it all so many times, with this seed and those that follow it")
	f.BoolVar(&session.SafeOnly, "safe", false, "only what is safe in theory")
	complete(cmd, "servers", lockNames...)
	complete(cmd, "faults", strings.Split(strings.ReplaceAll(lab.FaultNames(), " or ", ", "), ", ")...)
	addOutputFlag(cmd, &flags.form)
	return cmd
}

func runScenario(cmd *cobra.Command, session *lab.Session, flags labFlags) error {
	if err := fillSession(cmd, session, flags); err != nil {
		return &exitError{codeUsage, err}
	}
	var page *pageFile
	if cmd.Flags().Changed("report") {
		var err error
		if page, err = openPage(flags.report); err != nil {
			return err
		}
		defer page.close()
	}
	ctx, stop, code := untilEnded(cmd.Context())
	defer stop()
	closeServers, err := useServers(ctx, session, flags)
	switch {
	case err != nil && ctx.Err() != nil:
		return exitWith(code(), "interrupted; the servers are stopped")
	case err != nil:
		return err
	}
	defer closeServers()
	reports := &labReports{out: cmd.OutOrStdout(), form: flags.form, page: page, scenario: session.Scenario, brief: flags.repeat > 1}
	for range flags.repeat {
		report, err := runSession(ctx, session)
		if err != nil {
			reports.unfinished(report)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return exitWith(code(), "interrupted; the workers are stopped and the temporary files removed")
		case err != nil:
			return err
		}
		if err := reports.add(report); err != nil {
			return err
		}
		session.Seed++
	}
	return reports.conclude()
}

// runSession runs the session once, with its progress on the standard error.
func runSession(ctx context.Context, session *lab.Session) (*lab.Report, error) {
	progress := newProgress(os.Stderr, session.Scenario.Name)
	defer progress.clear()
	session.Progress = progress.show
	return session.Run(ctx)
}

// untilEnded returns a context that a signal ends, and the exit code for that signal.
func untilEnded(parent context.Context) (ctx context.Context, stop func(), code func() int) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(parent)
	var got atomic.Int32
	go func() {
		select {
		case sig := <-signals:
			got.Store(int32(sig.(syscall.Signal)))
			cancel()
		case <-ctx.Done():
		}
	}()
	stop = func() { signal.Stop(signals); cancel() }
	return ctx, stop, func() int { return codeSignalOffset + int(got.Load()) }
}

// fillSession turns the flags into what the session wants. Its errors are wrong usage.
func fillSession(cmd *cobra.Command, session *lab.Session, flags labFlags) (err error) {
	if session.Strategies, err = session.Scenario.Pick(flags.strategy); err != nil {
		return fmt.Errorf("--strategy: %w", err)
	}
	if session.Faults, err = lab.PickFaults(flags.faults); err != nil {
		return fmt.Errorf("--faults: %w", err)
	}
	if session.DB != "" && !isServerName(session.DB) {
		session.DB = absolute(session.DB)
	}
	if err := checkServers(flags.servers); err != nil {
		return err
	}
	if flags.repeat < 1 || flags.repeat > 1 && cmd.Flags().Changed("report") {
		return fmt.Errorf("--repeat %d: want 1 or more, and 1 with --report", flags.repeat)
	}
	if isServerName(session.DB) && flags.servers == "" {
		return fmt.Errorf("--db %s: want a URL, or --servers as well", session.DB)
	}
	for _, backend := range flags.backends {
		session.Locks = append(session.Locks, lab.LockServer{URL: absolute(backend)})
	}
	if !cmd.Flags().Changed("seed") {
		session.Seed = uint64(rand.Uint32()) // short enough to be typed
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	session.Worker = []string{self, "lab", workerCommand}
	if isServerName(session.DB) {
		db := session.DB
		defer func() { session.DB = db }()
		session.DB = "" // it is not a URL yet
	}
	return session.Check()
}
