//go:build unix

package main

import (
	"encoding/json"
	"testing"

	"github.com/pawl-go/pawl/internal/deadlocks"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestLabDeadlocks(t *testing.T) {
	s := newSandbox(t)
	s.run("lab", "deadlocks").wantErr(codeUsage, "--servers")
	url := testserver.MySQLURL(testserver.MariaDB(t).Addr, "mysql")
	got := s.run("lab", "deadlocks", "--db", url, "-o", "json").wantCode(0)
	var runs []deadlockRun
	if err := json.Unmarshal([]byte(got.stdout), &runs); err != nil {
		t.Fatalf("%v in\n%s", err, got.stdout)
	}
	if kinds := deadlocks.Kinds("mariadb"); len(runs) != len(kinds) {
		t.Errorf("%d kinds, want %d", len(runs), len(kinds))
	}
	for _, run := range runs {
		if run.Report == nil || run.Report.Kind != run.Kind || len(run.Report.Transactions) < 2 {
			t.Errorf("%s: %+v", run.Kind, run.Report)
		}
	}
}
