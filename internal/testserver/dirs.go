package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// openDir returns a new folder that belongs to the user called owner, and which that
// user can reach: root's TempDir is root's alone. It is removed at the end.
func openDir(tb TB, owner string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pawl-server-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := giveTo(dir, owner); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// run runs a program to its end as the user called owner.
func run(tb TB, owner, dir string, argv ...string) {
	tb.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	dieWithParent(cmd)
	if err := runAs(cmd, owner); err != nil {
		tb.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", filepath.Base(argv[0]), err, tail(out, 2000))
	}
}

// cacheDir is where what the project has installed without the system's packages lies.
func cacheDir(tb TB, name string) string {
	tb.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(fmt.Errorf("no cache folder: %w", err))
	}
	return filepath.Join(dir, "pawl", name)
}

func write(tb TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // other users run the servers
		tb.Fatal(err)
	}
}
