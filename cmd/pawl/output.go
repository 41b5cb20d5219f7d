package main

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// output is the flag for the form of what a command prints.
type output string

// The forms.
const (
	outputTable output = "table"
	outputJSON  output = "json"
)

// Set accepts a known form.
func (o *output) Set(text string) error {
	switch form := output(text); form {
	case outputTable, outputJSON:
		*o = form
		return nil
	}
	return errors.New("want table or json")
}

// String returns the form.
func (o *output) String() string { return string(*o) }

// Type is what the help calls the value.
func (o *output) Type() string { return "table|json" }

func addOutputFlag(cmd *cobra.Command, form *output) {
	*form = outputTable
	cmd.Flags().VarP(form, "output", "o", "form of what is printed")
	complete(cmd, "output", string(outputTable), string(outputJSON))
}

// complete makes shell completion offer values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// writeJSON prints value for programs, and for people who have no other tool.
func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
}

// printable returns text as it is, or quoted where that would spoil a table or act
// on the terminal: names and notes may hold any character.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

// clockTime returns t for people: the time of day, and the date when it is not
// today's.
func clockTime(t time.Time) string {
	t = t.Local()
	switch now := time.Now(); {
	case t.IsZero():
		return "-"
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
