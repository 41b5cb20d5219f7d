//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodeOfTheChild(t *testing.T) {
	tests := map[string]struct {
		script string
		code   int
	}{
		"success":          {"exit 0", 0},
		"failure":          {"exit 7", 7},
		"highest":          {"exit 255", 255},
		"killed":           {"kill -KILL $$", 137},
		"terminated":       {"kill -TERM $$", 143},
		"a code of pawl's": {"exit 75", 75},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			got := s.run("run", "x", "--", "sh", "-c", test.script).wantCode(test.code)
			if got.stderr != "" {
				t.Errorf("stderr %q, want nothing", got.stderr)
			}
			s.await("x", 0, 0)
		})
	}
}

func TestProgramThatCannotBeRun(t *testing.T) {
	s := newSandbox(t)
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "#!/bin/sh\n", 0o600)
	lost := write("lost", "#!/no/such/interpreter\n", 0o700)
	s.run("run", "x", "--", "no-such-command").wantErr(127, `"no-such-command"`, "not found")
	s.run("run", "x", "--", "/no/such/command").wantErr(127, "not found")
	s.run("run", "x", "--", plain).wantErr(126, plain, "permission denied")
	s.run("run", "x", "--", s.dir).wantErr(126, "cannot be run")
	s.run("run", "x", "--", lost).wantErr(127, lost) // only the attempt shows it
	s.await("x", 0, 0)
}

// A program that does not exist is found out before the lock is waited for.
func TestProgramIsLookedUpFirst(t *testing.T) {
	s := newSandbox(t)
	s.start("run", "x", "--", "sh", "-c", "echo in; exec sleep 60").wantLine("in")
	s.run("run", "x", "--", "no-such-command").wantErr(127)
}

func TestScriptWithoutInterpreterLine(t *testing.T) {
	s := newSandbox(t)
	path := filepath.Join(s.dir, "script")
	if err := os.WriteFile(path, []byte("echo $1 $2; exit 4\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := s.run("run", "x", "--", path, "a", "b").wantCode(4)
	if got.stdout != "a b\n" {
		t.Errorf("printed %q", got.stdout)
	}
}

func TestWrongUse(t *testing.T) {
	tests := map[string]struct {
		args []string
		says string
	}{
		"no name":          {[]string{"run", "--", "true"}, "no lock named"},
		"no command":       {[]string{"run", "x", "--"}, "no command"},
		"no dashes":        {[]string{"run", "x", "true"}, `"--"`},
		"empty name":       {[]string{"run", "", "--", "true"}, "invalid name"},
		"long name":        {[]string{"run", strings.Repeat("x", 513), "--", "true"}, "512"},
		"name twice":       {[]string{"run", "x", "x", "--", "true"}, "twice"},
		"unknown flag":     {[]string{"run", "--bogus", "x", "--", "true"}, "--bogus"},
		"wait and not":     {[]string{"run", "-n", "-w", "1", "x", "--", "true"}, "--no-wait with --wait"},
		"bad wait":         {[]string{"run", "-w", "soon", "x", "--", "true"}, "10s"},
		"negative wait":    {[]string{"run", "-w", "-1", "x", "--", "true"}, "10s"},
		"shared exclusive": {[]string{"run", "-s", "-x", "x", "--", "true"}, "--shared with --exclusive"},
		"shared slots":     {[]string{"run", "-s", "--slots", "2", "x", "--", "true"}, "--slots with --shared"},
		"slots in words":   {[]string{"run", "--slots", "two", "x", "--", "true"}, `"two" for "--slots" flag: want a whole number`},
		"force in words":   {[]string{"break", "--force=perhaps", "x"}, "want true or false"},
		"empty backend":    {[]string{"ls", "-b", ""}, "want a URL"},
		"shell":            {[]string{"completion", "nosh"}, `"nosh"`},
		"of a shell":       {[]string{"completion", "bash", "x"}, "no argument"},
		"help topic":       {[]string{"help", "walk"}, `"walk"`},
		"help subtopic":    {[]string{"help", "lab", "walk"}, `"lab walk"`},
		"no slots":         {[]string{"run", "--slots", "0", "x", "--", "true"}, "1 or more"},
		"no TTL":           {[]string{"run", "--ttl", "0", "x", "--", "true"}, "--ttl"},
		"tiny TTL":         {[]string{"run", "--ttl", "1us", "x", "--", "true"}, "TTL"},
		"long grace":       {[]string{"run", "--grace", "8s", "x", "--", "true"}, "half of the --ttl"},
		"bad code":         {[]string{"run", "-E", "256", "x", "--", "true"}, "0 to 255"},
		"bad lost code":    {[]string{"run", "--lost-exit-code", "-1", "x", "--", "true"}, "0 to 255"},
		"shell and dashes": {[]string{"run", "-c", "true", "x", "--", "true"}, "--command with --"},
		"long note":        {[]string{"run", "--note", strings.Repeat("x", 1025), "x", "--", "true"}, "Note"},
		"unknown command":  {[]string{"walk"}, `"walk"`},
		"ls output":        {[]string{"ls", "-o", "xml"}, "table or json"},
		"ls prefixes":      {[]string{"ls", "a", "b"}, "one prefix"},
		"inspect nothing":  {[]string{"inspect"}, "one lock"},
		"break two":        {[]string{"break", "a", "b"}, "one lock"},
		"version of":       {[]string{"version", "x"}, "no argument"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			newSandbox(t).run(test.args...).wantErr(codeUsage, test.says)
		})
	}
}

func TestWrongConfiguration(t *testing.T) {
	s := newSandbox(t)
	foreign := filepath.Join(s.dir, "foreign")
	text := strings.Repeat("this is no database\n", 1000)
	if err := os.WriteFile(foreign, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, says := range map[string]string{
		"foo://x":                         "foo",
		"mem://":                          "would lock nothing",
		"mem://shop":                      "would lock nothing",
		"sqlite://u:p@./locks.db":         "sqlite://./relative",
		"sqlite://./locks#2.db":           "%23",
		"sqlite://" + s.file() + "?bad=1": "bad",
		"sqlite://" + s.dir:               "regular file",
		"sqlite:///no/such/dir/locks.db":  "/no/such/dir",
		"sqlite://" + foreign:             "SQLite",
		"%zz":                             "zz",
	} {
		s.run("run", "-b", url, "x", "--", "true").wantErr(codeConfig, says)
		s.run("ls", "-b", url).wantErr(codeConfig, says)
	}
	after, err := os.ReadFile(foreign)
	if err != nil || string(after) != text {
		t.Errorf("the foreign file was touched: %v", err)
	}
	s.env = append(s.env, heldEnv+"=nonsense")
	s.run("run", "x", "--", "true").wantErr(codeConfig, heldEnv)
}

// A lease that ends centuries ahead has not ended.
func TestEndlessTTL(t *testing.T) {
	s := newSandbox(t)
	s.run("run", "--ttl", "2562047h", "x", "--", "sleep", "0.1").wantCode(0)
}

// What cannot be written is neither the backend's fault nor success.
func TestFullStdout(t *testing.T) {
	s := newSandbox(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	defer full.Close()
	cmd := exec.Command(binary, "ls", "-o", "json")
	cmd.Env, cmd.Stdout = s.env, full
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != codeIO {
		t.Errorf("exit code %d, want %d", got, codeIO)
	}
}

func TestNameWithDash(t *testing.T) {
	s := newSandbox(t)
	got := s.run("run", "--", "-a", "--", "sh", "-c", "echo \"$PAWL_NAME $*\"", "sh", "--", "b").wantCode(0)
	if got.stdout != "-a -- b\n" {
		t.Errorf("printed %q", got.stdout)
	}
	s.run("run", "--", "-a").wantErr(codeUsage, "no lock named")
}

func TestDefaultBackend(t *testing.T) {
	s := newSandbox(t)
	s.env = append(s.env, backendEnv+"=")
	s.run("run", "x", "--", "true").wantCode(0)
	if _, err := os.Stat(filepath.Join(s.dir, ".local/state/pawl/locks.db")); err != nil {
		t.Error(err)
	}
	s.env = append(s.env, "XDG_STATE_HOME="+filepath.Join(s.dir, "xdg"))
	s.run("run", "x", "--", "true").wantCode(0)
	info, err := os.Stat(filepath.Join(s.dir, "xdg/pawl"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state directory: %v, %v", info, err)
	}
	s.env = append(s.env, "XDG_STATE_HOME=", "HOME=")
	s.run("run", "x", "--", "true").wantErr(codeConfig, "PAWL_BACKEND")
}

func TestBackendThatDoesNotAnswer(t *testing.T) {
	s := newSandbox(t)
	s.run("run", "x", "--", "true").wantCode(0)
	s.blockWrites()
	s.run("run", "x", "--", "true").wantErr(codeUnavailable, "unavailable")
}
