package main

import (
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

// labProgress shows how far a session of the lab is: in one line that it writes over
// and over on a terminal, and in a line for each run elsewhere.
type labProgress struct {
	file     *os.File
	terminal bool
	latest   int       // the run that has begun last, of those that were told of
	shown    time.Time // when
}

func newProgress(file *os.File) *labProgress {
	info, err := file.Stat()
	return &labProgress{file: file, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// show is called some times a second, for each of the runs that are under way.
func (p *labProgress) show(now lab.Progress) {
	if now.Run < p.latest {
		return
	}
	fresh := now.Run > p.latest
	p.latest = now.Run
	switch {
	case p.terminal && (fresh || time.Since(p.shown) > 100*time.Millisecond):
		p.shown = time.Now()
		fmt.Fprintf(p.file, "\r\x1b[K%d of %d runs done; %s, %d of %d buyers", now.Done, now.Runs, now.Label, now.Answers, now.Buyers)
	case !p.terminal && fresh:
		fmt.Fprintf(p.file, "run %d of %d: %s\n", now.Run, now.Runs, now.Label)
	}
}

// clear takes the line off the terminal.
func (p *labProgress) clear() {
	if p.terminal && p.latest > 0 {
		fmt.Fprint(p.file, "\r\x1b[K")
	}
}
