package sqlitelock_test

import (
	"os"
	"testing"

	"github.com/pawl-go/pawl/driver"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	d := newDriver(t, path, nil)
	levels := func() map[string]driver.Level {
		findings, err := d.(driver.Checker).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string]driver.Level)
		for _, f := range findings {
			t.Logf("%s %s: %s", f.Level, f.What, f.Text)
			found[f.What] = f.Level
		}
		return found
	}
	for what, level := range levels() {
		if level != driver.Fine {
			t.Errorf("%s is %s", what, level)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := levels(); got["access"] != driver.Warning {
		t.Errorf("open to everybody: %v", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := levels(); got["place"] != driver.Problem || got["access"] != driver.Problem {
		t.Errorf("removed: %v", got)
	}
}
