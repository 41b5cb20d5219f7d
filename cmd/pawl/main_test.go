//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the built command, which all tests here drive.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pawl")
	if err == nil {
		binary = filepath.Join(dir, "pawl")
		var out []byte
		args := append(append([]string{"build"}, buildFlags...), "-o", binary, ".")
		if out, err = exec.Command("go", args...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building pawl:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
