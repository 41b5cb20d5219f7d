//go:build unix

package main

import (
	"os"
	"strings"
	"testing"
)

// A watch shows a wait that begins and ends: an ALTER TABLE behind a transaction that is
// only open, which is the root. Ctrl-C ends it, as it is meant to.
func TestWaitsWatch(t *testing.T) {
	b := newSQLBed(t, "mysql")
	p := b.start("waits", "--watch", "--db", b.url)
	quiet := func() int { return strings.Count(p.errText(), "nobody waits for a lock") }
	eventually(t, func() bool { return quiet() > 0 })
	end := b.hold("SELECT * FROM t")
	altered := make(chan struct{})
	go func() {
		defer close(altered)
		b.exec("ALTER TABLE t ADD COLUMN x INT")
	}()
	for line := ""; !strings.Contains(line, "ALTER TABLE"); { // the root's line is before it
		last := line
		if line = p.line(); !strings.Contains(line, "ALTER TABLE") {
			continue
		}
		root, waiter := strings.Fields(last), strings.Fields(line)
		if !strings.Contains(last, "(idle)") || root[1] != "-" || waiter[1] != root[0] || waiter[2] != root[0] || !strings.Contains(line, "shop.t (definition)") {
			t.Errorf("root %q, waiter %q", last, line)
		}
	}
	end()
	<-altered
	before := quiet()
	eventually(t, func() bool { return quiet() > before })
	p.signal(os.Interrupt)
	if got := p.wantCode(0); strings.Contains(got.stderr, "interrupted") || strings.Contains(got.stderr, "cancel") {
		t.Errorf("stderr %q", got.stderr)
	}
}
