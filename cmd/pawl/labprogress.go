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
	run      int       // the last that was shown
	shown    time.Time // when
}

func newProgress(file *os.File) *labProgress {
	info, err := file.Stat()
	return &labProgress{file: file, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// show is called some times a second.
func (p *labProgress) show(now lab.Progress) {
	fresh := now.Run != p.run
	p.run = now.Run
	switch {
	case p.terminal && (fresh || time.Since(p.shown) > 100*time.Millisecond):
		p.shown = time.Now()
		fmt.Fprintf(p.file, "\r\x1b[Krun %d of %d: %s, %d of %d buyers", now.Run, now.Runs, now.Label, now.Answers, now.Buyers)
	case !p.terminal && fresh:
		fmt.Fprintf(p.file, "run %d of %d: %s\n", now.Run, now.Runs, now.Label)
	}
}

// clear takes the line off the terminal.
func (p *labProgress) clear() {
	if p.terminal && p.run > 0 {
		fmt.Fprint(p.file, "\r\x1b[K")
	}
}
