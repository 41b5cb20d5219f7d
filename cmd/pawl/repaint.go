package main

import (
	"fmt"
	"io"
	"strings"
)

// repaint shows lines on a terminal in the place of those that it showed before. The
// sequences are those of ECMA-48, which every terminal of today knows.
type repaint struct {
	w     io.Writer
	shown int // lines
}

// show shows lines, none of which may be wider than the terminal, and fewer than it has
// rows. They are one write, so that nobody sees half of them.
func (r *repaint) show(lines []string) {
	var b strings.Builder
	if r.shown > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", r.shown) // up to the first of them
	}
	b.WriteString("\r")
	for _, line := range lines {
		b.WriteString("\x1b[K" + line + "\n") // what was there before is erased
	}
	b.WriteString("\x1b[J") // as are further lines
	r.shown = len(lines)
	_, _ = io.WriteString(r.w, b.String()) // a terminal that is gone has sent a signal
}
