//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestListJSON(t *testing.T) {
	s := newSandbox(t)
	if got := s.run("ls", "-o", "json").wantCode(0); got.stdout != "[]\n" || got.stderr != "" {
		t.Errorf("empty list: stdout %q, stderr %q", got.stdout, got.stderr)
	}
	start := time.Now().Add(-time.Second)
	holder := s.hold("team/a", "--note", "nightly")
	s.hold("team/b", "-s")
	s.hold("other", "--slots", "3")
	waiter := s.start("run", "-w", "1h", "team/a", "--", "true")
	s.await("team/a", 1, 1)

	var states []lockState
	got := s.run("ls", "-o", "json", "team/").wantCode(0)
	if err := json.Unmarshal([]byte(got.stdout), &states); err != nil || len(states) != 2 {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	a, b := states[0], states[1]
	if a.Name != "team/a" || b.Name != "team/b" || b.Holders[0].Mode != "shared" {
		t.Errorf("listed %s", got.stdout)
	}
	h := a.Holders[0]
	if want := fmt.Sprintf("/%d/pawl", holder.cmd.Process.Pid); !strings.HasSuffix(h.Owner, want) || h.Note != "nightly" ||
		h.Mode != "exclusive" || h.Token == "" || h.Since.Before(start) || !h.Until.After(h.Since) {
		t.Errorf("holder %+v", h)
	}
	if want := fmt.Sprintf("/%d/pawl", waiter.cmd.Process.Pid); !strings.HasSuffix(a.Waiters[0].Owner, want) {
		t.Errorf("waiter %+v", a.Waiters[0])
	}
	if other := s.inspect("other"); other.Slots != 3 || other.Holders[0].Mode != "slot" {
		t.Errorf("slots: %+v", other)
	}
}

func TestListTable(t *testing.T) {
	s := newSandbox(t)
	s.run("ls").wantErr(0, "nobody")
	s.run("inspect", "x").wantErr(0, "nobody", `"x"`)
	s.hold("x\x1b[2J", "--note", "a\tb")
	s.start("run", "x\x1b[2J", "--", "true")
	s.await("x\x1b[2J", 1, 1)
	list := s.run("ls").wantCode(0).stdout
	for _, want := range []string{"NAME", "HOLDER", `"x\x1b[2J"`, "exclusive", `"a\tb"`, "/pawl"} {
		if !strings.Contains(list, want) {
			t.Errorf("list %q, want %q in it", list, want)
		}
	}
	one := s.run("inspect", "x\x1b[2J").wantCode(0).stdout
	for _, want := range []string{"ROLE", "holder", "waiter 1", "/pawl"} {
		if !strings.Contains(one, want) {
			t.Errorf("inspect %q, want %q in it", one, want)
		}
	}
}

func TestVersionAndCompletion(t *testing.T) {
	s := newSandbox(t)
	if got := s.run("version").wantCode(0).stdout; !strings.HasPrefix(got, "pawl ") {
		t.Errorf("version %q", got)
	}
	if got := s.run("completion", "bash").wantCode(0).stdout; !strings.Contains(got, "__start_pawl") {
		t.Errorf("completion %q", got)
	}
	if got := s.run("__complete", "ls", "-o", "").wantCode(0).stdout; !strings.HasPrefix(got, "table\njson\n") {
		t.Errorf("completion of -o: %q", got)
	}
	if got := s.run("run", "--help").wantCode(0).stdout; !strings.Contains(got, "--no-wait") {
		t.Errorf("help %q", got)
	}
}
