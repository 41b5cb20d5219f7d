package sqlitelock_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/sqlitelock"
)

func tempFile(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "locks.db")
}

// open returns a client of the lock file at path.
func open(tb testing.TB, path string) *pawl.Client {
	tb.Helper()
	d, err := sqlitelock.New(context.Background(), path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	client, err := pawl.New(d, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil && !errors.Is(err, pawl.ErrClosed) {
			tb.Error(err)
		}
	})
	return client
}

// withSQL runs statements on the file at path as another program would.
func withSQL(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want string // in the error
	}{
		"text": {
			func(t *testing.T, path string) { write(t, path, strings.Repeat("not a database\n", 100)) },
			"not a SQLite file",
		},
		"short text": {
			func(t *testing.T, path string) { write(t, path, "x") },
			"not a SQLite file",
		},
		"cut off": {
			func(t *testing.T, path string) { write(t, path, "SQLite format 3\x00") },
			"not a SQLite file",
		},
		"another program's": {
			func(t *testing.T, path string) {
				withSQL(t, path, "CREATE TABLE lease (id INTEGER)", "INSERT INTO lease VALUES (1)")
			},
			"another program",
		},
		"made by a newer pawl": {
			func(t *testing.T, path string) {
				withSQL(t, path, "PRAGMA application_id = 0x7061776c", "PRAGMA journal_mode = WAL", "PRAGMA user_version = 99")
			},
			"newer pawl",
		},
		"read-only": {
			func(t *testing.T, path string) {
				if err := open(t, path).Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, 0o444); err != nil {
					t.Fatal(err)
				}
			},
			"read-only",
		},
		"damaged at the beginning": {
			func(t *testing.T, path string) { damage(t, path, 100) },
			"damaged",
		},
		"damaged further on": {
			func(t *testing.T, path string) { damage(t, path, 4096) },
			"damaged",
		},
		"folder": {
			func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o755); err != nil {
					t.Fatal(err)
				}
			},
			"not a regular file",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tempFile(t)
			test.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := sqlitelock.New(t.Context(), path, nil)
			if !errors.Is(err, driver.ErrInvalidOption) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrInvalidOption with %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path)) {
				t.Errorf("want one line that names the file, got %q", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was touched")
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("something was left behind: %v", entries)
			}
		})
	}
}

// damage writes over a part of a lock file, from the byte at.
func damage(t *testing.T, path string, at int) {
	t.Helper()
	if err := open(t, path).Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[at:], strings.Repeat("?", 100))
	write(t, path, string(data))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	_, err := sqlitelock.New(t.Context(), filepath.Join(t.TempDir(), "missing", "locks.db"), nil)
	if !errors.Is(err, driver.ErrInvalidOption) || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("got %v", err)
	}
}

// Damage that the header does not show is an error of the first call that meets it,
// and no grant.
func TestCorruptPages(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	client := open(t, path)
	if err := client.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 100; i < len(data); i++ {
		data[i] = 0xa5
	}
	write(t, path, string(data))
	_, err = sqlitelock.New(t.Context(), path, nil)
	if !errors.Is(err, driver.ErrUnavailable) && !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("got %v", err)
	}
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "a?b.db", "a#b.db", "100%.db", "ü.db", "a&_pragma=x.db", "no extension"} {
		path := filepath.Join(t.TempDir(), name)
		client := open(t, path)
		if err := client.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("made elsewhere: %v", err)
		}
	}
}

// Many who open a file that is not there yet make it once.
func TestOpenedByManyAtOnce(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			d, err := sqlitelock.New(t.Context(), path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			client, err := pawl.New(d, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close(t.Context())
			if err := client.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestBusyTimeout(t *testing.T) {
	t.Parallel()
	_, err := sqlitelock.New(t.Context(), tempFile(t), &sqlitelock.Options{BusyTimeout: -1})
	if !errors.Is(err, driver.ErrInvalidOption) {
		t.Errorf("got %v", err)
	}
}
