package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/page"
)

// pageFile is the file that --report names. It is opened before the run, which may take
// minutes, so that a wrong name is told at once; what is in it stays until the new page
// is complete.
type pageFile struct {
	file  *os.File
	fresh bool // there was none before
}

// openPage opens the file at path. It touches no file that is not an older report. Its
// errors are wrong usage.
func openPage(path string) (*pageFile, error) {
	_, err := os.Stat(path)
	p := &pageFile{fresh: errors.Is(err, fs.ErrNotExist)}
	if p.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil { //nolint:gosec // a page is for others to read
		return nil, usageError("--report: %w; want a file that can be written, such as report.html", err)
	}
	if err := p.mine(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// mine returns an error when the file holds something else than a report.
func (p *pageFile) mine() error {
	start := make([]byte, len(page.Start))
	switch n, err := p.file.ReadAt(start, 0); {
	case err != nil && !errors.Is(err, io.EOF):
		return usageError("--report: %w; want a file that can be written, such as report.html", err)
	case n > 0 && string(start[:n]) != page.Start:
		return usageError("--report: %s is there already and is no report of the lab; want a new file", p.file.Name())
	}
	return nil
}

// write writes the report as a page. It looks once more what is in the file: the run
// may have made its database there.
func (p *pageFile) write(scenario *lab.Scenario, report *lab.Report) error {
	var text bytes.Buffer
	err := page.Page{Scenario: scenario, Report: report, Version: version(), Made: time.Now()}.Write(&text)
	if err != nil {
		return err
	}
	if err := p.mine(); err != nil {
		return err
	}
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err = p.file.WriteAt(text.Bytes(), 0)
	return errors.Join(err, p.file.Sync())
}

// close leaves no empty file behind.
func (p *pageFile) close() {
	info, err := p.file.Stat()
	_ = p.file.Close() // Sync has told what matters
	if p.fresh && err == nil && info.Size() == 0 {
		_ = os.Remove(p.file.Name())
	}
}
