// Command bench measures pawl beside other lock libraries: every contender does the
// same on the same server, in turns, and what counts is the ratio within one run.
//
//	go run . [-backend redis,postgres] [-scenario own-key,contended] [-peers bsm,redsync] [-runs 3] [-o table|json] [-json FILE]
//
// Without -backend it measures on all whose servers are installed, one after the other,
// which is to take under 12 minutes.
// It starts the servers that it needs, on free ports of 127.0.0.1 with their data in a
// temporary folder, and stops them at its end. It is a module of its own, so that the
// others' libraries are no dependencies of pawl.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if isWorker() {
		exit(work(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, os.Args[1:], os.Stdout))
}

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, context.Canceled):
		os.Exit(130)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// flags are what the command line says.
type flags struct {
	choice
	runs    int
	stretch time.Duration
	output  string
	file    string
}

func parse(args []string) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.Var(&f.backends, "backend", "only these backends, separated by commas")
	set.Var(&f.scenarios, "scenario", "only these scenarios")
	set.Var(&f.peers, "peers", "only these peers, beside pawl")
	set.IntVar(&f.runs, "runs", 3, "how often each contender has its turn")
	set.DurationVar(&f.stretch, "for", 1500*time.Millisecond, "how long a turn is measured, where a scenario is bounded by time")
	set.StringVar(&f.output, "o", "table", "what to print: table or json")
	set.StringVar(&f.file, "json", "", "also write the JSON to this `file`")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case set.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.runs < 1 || f.stretch <= 0:
		return nil, errors.New("-runs and -for: want more than 0")
	case f.output != "table" && f.output != "json":
		return nil, fmt.Errorf("-o %s: want table or json", f.output)
	}
	return f, f.check()
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	result, err := measure(ctx, f)
	if err != nil {
		return err
	}
	result.judge()
	if f.file != "" {
		if err := result.writeFile(f.file); err != nil {
			return err
		}
	}
	write := result.writeTable
	if f.output == "json" {
		write = result.writeJSON
	}
	return errors.Join(write(out), result.incomplete())
}
