//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pawl-go/pawl/internal/lab"
)

func TestLabListsItsStrategies(t *testing.T) {
	s := newSandbox(t)
	got := s.run("lab").wantCode(0)
	// The strategies of a scenario follow it, and some of two scenarios have one name.
	rest := "\n" + got.stdout
	for _, scenario := range scenarios() {
		for _, line := range listed(scenario) {
			_, after, found := strings.Cut(rest, line)
			if !found {
				t.Fatalf("%s: %q is not in its place in\n%s", scenario.Name, line, got.stdout)
			}
			rest = after
		}
	}
}

// listed returns what the list says of a scenario, in its order.
func listed(scenario *lab.Scenario) []string {
	texts := []string{"\n" + scenario.Name + " ", " " + scenario.Line}
	for _, s := range scenario.Strategies {
		texts = append(texts, "\n  "+s.Name+" ", " "+s.Line)
	}
	return texts
}

func TestLabWrongUse(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "notes.txt")
	text := strings.Repeat("not a database\n", 100)
	if err := os.WriteFile(foreign, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for wrong, want := range map[string]string{
		"lab nosuch":                                                  `unknown scenario "nosuch"`,
		"lab worker":                                                  "run a scenario",
		"lab flashsale extra":                                         `"extra"`,
		"lab flashsale --stock 0":                                     "--stock 0: want 1 to",
		"lab flashsale --stock many":                                  `"many"`,
		"lab flashsale --procs 65":                                    "want 1 to 64",
		"lab flashsale --strategy hope":                               "read-then-write,",
		"lab flashsale --faults fire":                                 "none, kill, pause, slow, restart, cut or all",
		"lab flashsale -o xml":                                        "table or json",
		"lab flashsale --db oracle://h/d":                             "sqlite:///",
		"lab flashsale --db postgres":                                 "--servers",
		"lab flashsale --db sqlite:///none/x.db":                      "/none/x.db",
		"lab flashsale --db sqlite://" + foreign:                      "not a database",
		"lab flashsale --servers=oracle":                              "redis,postgres,mysql,zookeeper,etcd",
		"lab flashsale --repeat 0":                                    "want 1 or more",
		"lab flashsale --repeat 2 --report r.html":                    "1 with --report",
		"lab flashsale -b mem://":                                     "processes share",
		"lab flashsale --db sqlite:///tmp/x.db -b sqlite:///tmp/x.db": "a file each",
		"lab flashsale -b paper://":                                   "paper",
		"lab flashsale -b sqlite:///none/locks.x":                     "/none",
	} {
		t.Run(wrong, func(t *testing.T) {
			s := newSandbox(t)
			s.run(strings.Fields(wrong)...).wantErr(codeUsage, want)
			if after, err := os.ReadFile(foreign); err != nil || string(after) != text {
				t.Errorf("the foreign file was touched: %v", err)
			}
		})
	}
}

func TestLabRuns(t *testing.T) {
	s := newSandbox(t)
	temp := s.tempDir()
	got := s.run("lab", "flashsale", "--stock", "5", "--buyers", "30", "--procs", "2", "--strategy", "conditional,pawl-fenced",
		"--faults", "kill", "--db", "sqlite://./shop.db", "--seed", "7", "-o", "json").wantCode(0)
	var report struct {
		Scenario, DB string
		Seed         uint64
		Runs         []struct {
			Strategy, Faults, Expected, Verdict string
			Sold                                int
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v in\n%s", err, got.stdout)
	}
	if report.Scenario != "flashsale" || report.Seed != 7 || len(report.Runs) != 2 {
		t.Errorf("report %+v", report)
	}
	for _, r := range report.Runs {
		if r.Faults != "kill" || r.Verdict != "safe" || r.Expected != "safe" || r.Sold != 5 {
			t.Errorf("run %+v, want 5 sold and safe", r)
		}
	}
	if !strings.Contains(got.stderr, "run 2 of 2: pawl-fenced on sqlite, kill\n") {
		t.Errorf("stderr %q, want a line for each run", got.stderr)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "shop.db")); err != nil {
		t.Errorf("the database that was named: %v", err)
	}
	wantEmpty(t, temp)
}

// A session is repeated with the seeds that follow, and each time makes a line.
func TestLabRepeats(t *testing.T) {
	s := newSandbox(t)
	got := s.run("lab", "flashsale", "--stock", "5", "--buyers", "30", "--procs", "2", "--strategy", "conditional,decrement",
		"--faults", "none", "--safe", "--seed", "7", "--repeat", "2").wantCode(0)
	want := "seed 7: 1 runs, nothing broke that is safe in theory\nseed 8: 1 runs, nothing broke that is safe in theory\n"
	if got.stdout != want {
		t.Errorf("stdout %q, want %q", got.stdout, want)
	}
}

// Ctrl-C ends the lab with its workers, whatever they are doing, and leaves
// nothing behind.
func TestLabInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSandbox(t)
			temp := s.tempDir()
			p := s.start("lab", "flashsale", "--strategy", "pawl", "--buyers", "100000", "--stock", "50000", "--faults", "pause")
			eventually(t, func() bool { return strings.Contains(p.errText(), "run 1 of 1") })
			p.signal(sig)
			if got := p.wantCode(codeSignalOffset + int(sig)); !strings.Contains(got.stderr, "pawl: interrupted") {
				t.Errorf("stderr %q", got.stderr)
			}
			wantEmpty(t, temp)
		})
	}
}

// What was done until Ctrl-C is printed, for people.
func TestLabUnfinished(t *testing.T) {
	for form, want := range map[string]string{"table": "unfinished; these runs were done:\n\nflashsale: --stock", "json": ""} {
		t.Run(form, func(t *testing.T) {
			s := newSandbox(t)
			p := s.start("lab", "flashsale", "--strategy", "conditional,pawl", "--buyers", "4000", "--stock", "4000", "--faults", "none", "-o", form)
			eventually(t, func() bool { return strings.Contains(p.errText(), "run 2 of 2") })
			p.signal(syscall.SIGINT)
			got := p.wantCode(codeSignalOffset + int(syscall.SIGINT))
			if !strings.HasPrefix(got.stdout, want) || (got.stdout == "") != (want == "") {
				t.Errorf("stdout %q, want %q", got.stdout, want)
			}
		})
	}
}

// tempDir makes the folder for temporary files of the commands.
func (s *sandbox) tempDir() string {
	s.t.Helper()
	dir := s.t.TempDir()
	s.env = append(s.env, "TMPDIR="+dir)
	return dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
