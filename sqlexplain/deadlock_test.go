package sqlexplain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/deadlocks"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/sqlexplain"
)

// TestDeadlock: each kind is made to happen and recognised from what the server reports.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"mysql", "mariadb"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, engine)
			server := d.open(t)
			for _, kind := range deadlocks.Kinds(engine) {
				if _, err := deadlocks.Provoke(t.Context(), engine, d.db, kind); err != nil {
					t.Fatal(err)
				}
				got, err := server.Deadlock(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				checkDeadlock(t, got, engine, kind.Name)
				for _, p := range got.Transactions {
					if len(p.WaitsFor) == 0 || p.WaitsFor[0].Table != deadlocks.Table || p.WaitsFor[0].Index != "PRIMARY" || len(p.Holds) == 0 {
						t.Errorf("%s: transaction %+v", kind.Name, p)
					}
				}
			}
		})
	}
}

// checkDeadlock checks what is the same on every engine.
func checkDeadlock(t *testing.T, d *sqlexplain.Deadlock, engine, kind string) {
	t.Helper()
	if d.Kind != kind || d.Engine != engine || d.Text == "" || !strings.HasPrefix(d.When, "20") {
		t.Errorf("kind %q on %q at %q, want %q on %q", d.Kind, d.Engine, d.When, kind, engine)
	}
	if len(d.Transactions) != 2 {
		t.Fatalf("%s: %d transactions, want 2", kind, len(d.Transactions))
	}
	victims := 0
	for _, p := range d.Transactions {
		if p.Victim {
			victims++
		}
		if !strings.Contains(p.Statement, deadlocks.Table) || p.Session == 0 || p.ID == "" {
			t.Errorf("%s: transaction %+v", kind, p)
		}
	}
	if cycle := d.Cycle(); victims != 1 || len(cycle) != 3 || cycle[0] != cycle[2] || !d.Transactions[cycle[0]].Victim {
		t.Errorf("%s: %d victims, cycle %v", kind, victims, cycle)
	}
}

// TestCycleNotTold: a report that does not say who waits for whom has no cycle.
func TestCycleNotTold(t *testing.T) {
	t.Parallel()
	d := &sqlexplain.Deadlock{Transactions: []sqlexplain.Party{{BlockedBy: 1}, {BlockedBy: 7, Victim: true}}}
	if got := d.Cycle(); got != nil {
		t.Errorf("cycle %v of a report that does not tell, want none", got)
	}
}

// TestPostgresLog: each kind, read from the server's own log in each of its forms.
func TestPostgresLog(t *testing.T) {
	t.Parallel()
	server := testserver.Postgres(t, "deadlock_timeout=50ms", "logging_collector=on", "log_destination=stderr,csvlog,jsonlog",
		"log_filename=all.log", "log_file_mode=0644")
	db := connect(t, "postgresql", server.Addr, "postgres")
	kinds := deadlocks.Kinds("postgresql")
	for _, kind := range kinds {
		if _, err := deadlocks.Provoke(t.Context(), "postgresql", db, kind); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"all.log", "all.csv", "all.json"} {
		found := awaitDeadlocks(t, filepath.Join(server.Dir, "db", "log", name), len(kinds))
		for i, kind := range kinds {
			checkDeadlock(t, found[i], "postgresql", kind.Name)
			if !slices.ContainsFunc(found[i].Transactions[0].WaitsFor, func(l sqlexplain.Lock) bool { return l.Table == deadlocks.Table }) {
				t.Errorf("%s: %+v", name, found[i].Transactions[0])
			}
		}
	}
}

// awaitDeadlocks reads a log that another process is still writing.
func awaitDeadlocks(t *testing.T, path string, n int) []*sqlexplain.Deadlock {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		text, err := os.ReadFile(path)
		var found []*sqlexplain.Deadlock
		if err == nil {
			found, err = sqlexplain.ReadDeadlocks(strings.NewReader(string(text)))
		}
		if len(found) == n {
			return found
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %d deadlocks, want %d: %v\n%s", path, len(found), n, err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestDeadlockFiles: reports of several versions, as the servers wrote them.
func TestDeadlockFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found, err := sqlexplain.ReadDeadlocks(strings.NewReader(string(text)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		engine, kind, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".txt"), "-")
		_, kind, _ = strings.Cut(kind, "-")
		checkDeadlock(t, found[0], engine, kind)
	}
}

func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "LATEST DETECTED DEADLOCK\n", "LATEST DETECTED DEADLOCK\n*** (1) HOLDS THE LOCK(S):\n", "2026-01-01 LOG: all is well\n"} {
		if d, err := sqlexplain.ReadDeadlocks(strings.NewReader(text)); !errors.Is(err, sqlexplain.ErrNoDeadlock) {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
}

func FuzzReadDeadlocks(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := sqlexplain.ReadDeadlocks(strings.NewReader(text))
		if (err == nil) != (len(once) > 0) {
			t.Fatalf("%d deadlocks, %v", len(once), err)
		}
		for _, d := range once {
			d.Cycle()
		}
		again, _ := sqlexplain.ReadDeadlocks(strings.NewReader(text))
		if !reflect.DeepEqual(once, again) {
			t.Errorf("%+v, and once more %+v", once, again)
		}
	})
}
