//go:build unix

package main

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/internal/deadlocks"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/sqlexplain"
)

// TestExplain drives explain, deadlocks and waits on a MySQL.
func TestExplain(t *testing.T) {
	s := newSandbox(t)
	server := testserver.MySQL(t)
	db, err := sql.Open("mysql", testserver.MySQLDSN(server.Addr, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, n INT)", "INSERT INTO shop.t VALUES (10, 1), (20, 1)"} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	url := testserver.MySQLURL(server.Addr, "shop")

	table := s.run("explain", "--db", url, "--after", "UPDATE t SET n = 2 WHERE id = 20", "UPDATE t SET n = 2 WHERE id = 10").wantCode(0).stdout
	for _, want := range []string{"mysql ", "PLAN", "HELD AFTER", "PRIMARY", "record", "row locks: 2"} {
		if !strings.Contains(table, want) {
			t.Errorf("explain %q, want %q in it", table, want)
		}
	}
	got := s.run("explain", "--db", url, "-o", "json", "--isolation", "repeatable-read", "UPDATE t SET n = 2 WHERE n = 1").wantCode(0).stdout
	var shape map[string]json.RawMessage
	var report sqlexplain.Report
	if err := json.Unmarshal([]byte(got), &shape); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"engine", "version", "isolation", "statement", "plan", "locks", "may_wait_on", "rows_locked", "truncated", "advice"} {
		if raw, ok := shape[key]; !ok || string(raw) == "null" {
			t.Errorf("no %s in %s", key, got)
		}
	}
	if err := json.Unmarshal([]byte(got), &report); err != nil || report.RowsLocked != 3 ||
		!slices.ContainsFunc(report.Advice, func(a sqlexplain.Advice) bool { return a.Rule == "no-index" }) ||
		!slices.ContainsFunc(report.Locks, func(l sqlexplain.Lock) bool { return slices.Equal(l.Key, []string{"supremum"}) }) {
		t.Errorf("%v: %s", err, got)
	}
	s.run("explain", "--db", url, "DROP TABLE t").wantErr(codeUsage, "refused")
	s.run("explain", "--db", url, "--lock-timeout", "1500ms", "SELECT 1").wantErr(codeFailed, "units of 1s")
	s.run("explain", "--db", url).wantErr(codeUsage, "one statement")
	s.run("explain", "SELECT 1").wantErr(codeUsage, "--db is missing")
	s.run("explain", "--db", "mysql://u:tiger@127.0.0.1:1/x", "SELECT 1").wantErr(codeUnavailable, "xxxxx")

	s.run("waits", "--db", url).wantErr(0, "nobody waits")
	if got := s.run("waits", "--db", url, "-o", "json").wantCode(0).stdout; got != "[]\n" {
		t.Errorf("waits %q, want an empty list", got)
	}
	s.run("deadlocks", "--db", url).wantErr(codeFailed, "no deadlock is on record")
	shop, err := sql.Open("mysql", testserver.MySQLDSN(server.Addr, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	kind := deadlocks.Kinds("mysql")[0]
	if _, err := deadlocks.Provoke(t.Context(), "mysql", shop, kind); err != nil {
		t.Fatal(err)
	}
	text := s.run("deadlocks", "--db", url).wantCode(0).stdout
	for _, want := range []string{kind.Name, "the victim", "holds", "waits for", "--> (1)", "--> (2)", "earlier: UPDATE"} {
		if !strings.Contains(text, want) {
			t.Errorf("deadlocks %q, want %q in it", text, want)
		}
	}
	file, err := filepath.Abs("../../sqlexplain/testdata/postgresql-15-opposite-order.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.run("deadlocks", "-o", "json", file).wantCode(0).stdout; !strings.Contains(got, `"kind": "opposite-order"`) {
		t.Errorf("deadlocks of a log: %s", got)
	}
	s.run("deadlocks", "/nowhere").wantErr(codeIO, "nowhere")
	s.run("deadlocks", "--db", url, file).wantErr(codeUsage, "not both")
}
