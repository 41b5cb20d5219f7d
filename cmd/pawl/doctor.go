package main

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
	"github.com/pawl-go/pawl/driver"
	"github.com/spf13/cobra"
)

const doctorHelp = `Looks at a backend: its version, and every setting by which it could fail to keep locks or
forget them. It changes nothing.

It exits with 0 when locks work, with 1 when it has found a problem, and with 69 or 78
when the backend cannot be reached or used at all.`

func newDoctorCommand() *cobra.Command {
	var rawURL string
	var form output
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether a backend is set up to keep locks",
		Long:  doctorHelp,
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return doctor(cmd, rawURL, form) },
	}
	addBackendFlag(cmd, &rawURL)
	addOutputFlag(cmd, &form)
	return cmd
}

// finding is a driver.Finding in JSON.
type finding struct {
	Level string `json:"level"` // ok, warning or problem
	What  string `json:"what"`
	Text  string `json:"text"`
}

func doctor(cmd *cobra.Command, flag string, form output) error {
	findings, err := examine(cmd.Context(), flag)
	if err != nil {
		return err
	}
	if form == outputJSON {
		rows := make([]finding, 0, len(findings))
		for _, f := range findings {
			rows = append(rows, finding{f.Level.String(), f.What, f.Text})
		}
		err = writeJSON(cmd.OutOrStdout(), rows)
	} else {
		table := newTable(cmd.OutOrStdout())
		for _, f := range findings {
			fmt.Fprintf(table, "%s\t%s\t%s\n", f.Level, f.What, printable(f.Text))
		}
		err = table.Flush()
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Level == driver.Problem {
			return &exitError{code: codeFailed}
		}
	}
	return nil
}

// examine returns what the driver has to say of its engine.
func examine(ctx context.Context, flag string) ([]driver.Finding, error) {
	rawURL, err := backendURL(flag)
	if err != nil {
		return nil, err
	}
	d, err := backend.Driver(ctx, rawURL)
	if err != nil {
		return nil, connectError(ctx, err)
	}
	defer func() { _ = d.Close() }()
	checker, ok := d.(driver.Checker)
	if !ok {
		return nil, exitWith(codeUsage, "%s cannot be checked: %w", d.Traits().Backend, pawl.ErrUnsupported)
	}
	findings, err := checker.Check(ctx)
	if err != nil {
		return nil, &exitError{codeUnavailable, fmt.Errorf("%s: %w", d.Traits().Backend, err)}
	}
	return findings, nil
}
