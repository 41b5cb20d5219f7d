// Package page writes a report of the lab as one self-contained page: HTML with its
// style and its charts inside, which needs no network and no script.
//
// view.go turns a report into what the templates show, bars.go and timeline.go
// compute the charts, and story.go says in words what a timeline shows.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

//go:embed page.html ladder.html timeline.html figures.html page.css
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"grouped": grouped, "ms": milliseconds, "rate": rate,
}).ParseFS(files, "*.html"))

// Start is what each page begins with, by which an older one is known again.
const Start = "<!doctype html>\n<!-- pawl lab -->\n"

// Page is what there is to show.
type Page struct {
	// Scenario is the race that was run.
	Scenario *lab.Scenario
	// Report is what was seen.
	Report *lab.Report
	// Version is that of pawl; "" is left out.
	Version string
	// Made is when; the zero time is left out.
	Made time.Time
}

// Write writes the page. It writes nothing when the page cannot be made.
func (p Page) Write(w io.Writer) error {
	css, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	v := p.view()
	v.CSS = template.CSS(css)            //nolint:gosec // it is our own file
	text := bytes.NewBufferString(Start) // html/template drops comments
	if err := templates.ExecuteTemplate(text, "page.html", v); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err = text.WriteTo(w)
	return err
}
