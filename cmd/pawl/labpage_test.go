//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pawl-go/pawl/internal/lab/page"
)

var shortLab = []string{"lab", "flashsale", "--stock", "3", "--buyers", "10", "--procs", "2", "--strategy", "conditional", "--faults", "none"}

// A second report takes the place of the first, whose end does not show through.
func TestLabReport(t *testing.T) {
	s := newSandbox(t)
	temp := s.tempDir()
	old := page.Start + strings.Repeat("old and long ", 10000)
	s.writeFile("report.html", old)
	for _, name := range []string{"report.html", "new.html"} {
		s.run(append(shortLab, "--report", name)...).wantCode(0)
		text := s.readFile(name)
		if !strings.HasPrefix(text, page.Start) || !strings.HasSuffix(text, "</html>\n") {
			t.Errorf("%s: %.60q ... %q", name, text, text[max(0, len(text)-60):])
		}
		for _, want := range []string{"many buyers, few pieces", "conditional", "Orders per second, without a fault"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
	wantEmpty(t, temp)
}

// A name that cannot be a report is told before the run, in a line.
func TestLabReportWrong(t *testing.T) {
	for name, want := range map[string]string{
		"folder":         "folder: is a directory; want a file",
		"none/page.html": "no such file or directory; want a file",
		"":               "want a file",
		"notes.txt":      "notes.txt is there already and is no report of the lab",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			s.writeFile("notes.txt", "some notes")
			if err := os.Mkdir(filepath.Join(s.dir, "folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			got := s.run(append(shortLab, "--report", name)...).wantErr(codeUsage, "--report: ", want)
			if strings.Contains(got.stderr, "run 1") {
				t.Errorf("it ran: %s", got.stderr)
			}
			if text := s.readFile("notes.txt"); text != "some notes" {
				t.Errorf("the notes are %q now", text)
			}
		})
	}
}

// The database of the run may be made in the file of the report.
func TestLabReportIsItsDatabase(t *testing.T) {
	s := newSandbox(t)
	got := s.run(append(shortLab, "--db", "sqlite://./shop.db", "--report", "shop.db")...).wantCode(codeUsage)
	if !strings.Contains(got.stderr, "shop.db is there already") {
		t.Errorf("stderr %q", got.stderr)
	}
	if text := s.readFile("shop.db"); !strings.HasPrefix(text, "SQLite") {
		t.Errorf("the database begins with %.20q", text)
	}
}

// What was there stays when the run is interrupted, and no empty file is left.
func TestLabReportInterrupted(t *testing.T) {
	s := newSandbox(t)
	old := page.Start + "old"
	s.writeFile("old.html", old)
	for _, name := range []string{"old.html", "new.html"} {
		p := s.start("lab", "flashsale", "--strategy", "pawl", "--buyers", "100000", "--stock", "50000", "--faults", "none", "--report", name)
		eventually(t, func() bool { return strings.Contains(p.errText(), "run 1 of 1") })
		p.signal(syscall.SIGINT)
		p.wantCode(codeSignalOffset + int(syscall.SIGINT))
	}
	if text := s.readFile("old.html"); text != old {
		t.Errorf("the old report is %q now", text)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "new.html")); err == nil {
		t.Error("an empty report was left")
	}
}

func (s *sandbox) writeFile(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sandbox) readFile(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
