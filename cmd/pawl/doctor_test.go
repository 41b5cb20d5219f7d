//go:build unix

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	s := newSandbox(t)
	if got := s.run("doctor").wantCode(0); !strings.Contains(got.stdout, "SQLite") || strings.Contains(got.stdout, "problem") {
		t.Errorf("printed %s", got.stdout)
	}
	var findings []finding
	got := s.run("doctor", "-o", "json").wantCode(0)
	if err := json.Unmarshal([]byte(got.stdout), &findings); err != nil || len(findings) == 0 || findings[0].Level != "ok" {
		t.Errorf("%v: %s", err, got.stdout)
	}
	if err := os.WriteFile(s.file(), []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("doctor").wantCode(codeConfig)
	s.run("doctor", "x").wantCode(codeUsage)
}
