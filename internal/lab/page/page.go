// Package page writes a report of the lab as one self-contained page.
package page

import (
	"fmt"
	"html"
	"io"

	"github.com/pawl-go/pawl/internal/lab"
)

// Write writes the page for report.
func Write(w io.Writer, report *lab.Report) error {
	_, err := fmt.Fprintf(w, "<!doctype html><title>%s</title>", html.EscapeString(report.Scenario))
	return err
}
