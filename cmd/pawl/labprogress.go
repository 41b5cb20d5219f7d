package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/pawl-go/pawl/internal/lab"
)

// labProgress shows how far a session of the lab is: a table that is painted over and
// over on a terminal, and a line for each run elsewhere.
type labProgress struct {
	file     io.Writer
	scenario string
	begin    time.Time
	live     *repaint                   // nil where it is no terminal
	size     func() (width, height int) // of the terminal
	told     int                        // runs that have a line
}

func newProgress(file *os.File, scenario string) *labProgress {
	p := &labProgress{file: file, scenario: scenario, begin: time.Now()}
	if term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		p.live, p.size = &repaint{w: file}, func() (int, int) { return terminalSize(file) }
	}
	return p
}

// terminalSize returns how many columns and rows a terminal has: 80 and 24 where nobody
// has told it.
func terminalSize(file *os.File) (width, height int) {
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil || width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}

// show is called when a run begins or ends, and some times a second.
func (p *labProgress) show(now lab.Progress) {
	if p.live == nil {
		p.tell(now)
		return
	}
	width, height := p.size()
	p.live.show(liveTable(p.scenario, time.Since(p.begin), now, width, height))
}

// tell writes a line for each run that has begun since the last time.
func (p *labProgress) tell(now lab.Progress) {
	for {
		i := turn(now, p.told+1)
		if i < 0 {
			return
		}
		p.told++
		fmt.Fprintf(p.file, "run %d of %d: %s\n", p.told, len(now.Runs), now.Runs[i].Label())
	}
}

// turn returns which run began as the nth, or -1.
func turn(now lab.Progress, n int) int {
	for i := range now.Runs {
		if now.Runs[i].Turn == n {
			return i
		}
	}
	return -1
}

// clear takes the table off the terminal.
func (p *labProgress) clear() {
	if p.live != nil {
		p.live.show(nil)
	}
}
