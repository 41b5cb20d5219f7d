package testserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A server that makes one child after the other leaves none behind when it is killed.
func TestKillLeavesNoChild(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(t.TempDir(), "mark")
	if err := os.Symlink("/bin/sleep", mark); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		cmd := exec.Command("sh", "-c", `i=0; while [ $i -lt 500 ]; do "$0" 60 & i=$((i+1)); done; wait`, mark)
		dieWithParent(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); len(childrenOf(cmd.Process.Pid)) < 3; {
			if time.Now().After(deadline) {
				t.Fatal("no children")
			}
		}
		if err := kill(cmd.Process); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if left := running(mark); len(left) > 0 {
			t.Fatalf("%d are left", len(left))
		}
	}
}

// running returns the folders of the processes that run the program at path.
func running(path string) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		if text, _ := os.ReadFile(file); strings.HasPrefix(string(text), path+"\x00") {
			found = append(found, filepath.Dir(file))
		}
	}
	return found
}
