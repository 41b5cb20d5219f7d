//go:build unix

package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pawl-go/pawl/internal/dedupe"
	"github.com/pawl-go/pawl/internal/testserver"
)

// shop is a database with a table t of 200 rows that are there twice.
type shop struct {
	*sandbox
	url string
	db  *sql.DB
}

const shopPairs = 200

func newShop(s *sandbox, rawURL, driver, dsn string) *shop {
	s.t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	shop := &shop{s, rawURL, db}
	shop.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL)")
	shop.exec("CREATE INDEX t_key ON t (k)")
	for i := range 2 * shopPairs {
		shop.exec(fmt.Sprintf("INSERT INTO t VALUES (%d, %d)", i, i%shopPairs))
	}
	return shop
}

func newSQLiteShop(s *sandbox) *shop {
	s.t.Helper()
	path := filepath.Join(s.dir, "shop.db")
	return newShop(s, "sqlite://"+path, "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
}

func (s *shop) exec(text string) {
	s.t.Helper()
	if _, err := s.db.ExecContext(s.t.Context(), text); err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
}

func (s *shop) count(query string) (n int) {
	s.t.Helper()
	if err := s.db.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// args are those of a job on the shop.
func (s *shop) args(more ...string) []string {
	return append([]string{"dedupe", "--db", s.url, "--table", "t", "--key", "k", "--keep", "oldest"}, more...)
}

func TestDedupe(t *testing.T) {
	s := newSQLiteShop(newSandbox(t))
	got := s.run(s.args("--dry-run")...).wantCode(0)
	if !strings.Contains(got.stdout, "400") || !strings.Contains(got.stdout, "200") || s.count("SELECT COUNT(*) FROM t") != 400 {
		t.Errorf("dry run: %s", got.stdout)
	}
	got = s.run(s.args("--every", "0", "--add-unique-index", "-o", "json")...).wantCode(0)
	var report dedupe.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	if report.Deleted != shopPairs || report.Engine != "sqlite" || report.After == nil || report.After.Duplicates != 0 || report.UniqueIndex == "" || report.BackupTable != "t_dups" {
		t.Errorf("%+v", report)
	}
	if n := s.count("SELECT COUNT(*) FROM t_dups"); n != shopPairs {
		t.Errorf("%d rows in the backup", n)
	}
	got = s.run(s.args("--no-backup")...).wantCode(0)
	if !strings.Contains(got.stdout, "deleted 0 in 0 batches") {
		t.Errorf("again: %s", got.stdout)
	}
}

// Ctrl-C ends between two batches, and the next run goes on.
func TestDedupeInterrupted(t *testing.T) {
	s := newSQLiteShop(newSandbox(t))
	p := s.start(s.args("--batch", "20", "--every", "1h")...)
	eventually(t, func() bool { return s.count("SELECT COUNT(*) FROM t") == 390 })
	p.signal(os.Interrupt)
	got := p.wantCode(codeSignalOffset + int(syscall.SIGINT))
	if !strings.Contains(got.stderr, "pawl: stopped between two batches") || !strings.Contains(got.stdout, "deleted 10") || strings.Contains(got.stdout, "after") {
		t.Errorf("%+v", got)
	}
	got = s.run(s.args("--batch", "20", "--every", "0")...).wantCode(0)
	if !strings.Contains(got.stdout, "deleted 200 in 20 batches") {
		t.Errorf("%+v", got)
	}
}

// Ctrl-C while a batch waits for a row lets the batch end, and a second one rolls it back.
// The same command goes on.
func TestDedupeInterruptedInABatch(t *testing.T) {
	b := newSQLBed(t, "postgresql")
	end := b.hold("UPDATE t SET k = 0 WHERE id = 0")
	p := b.start(b.args("--batch", "20", "--every", "0")...)
	b.awaitWaiter()
	p.signal(os.Interrupt)
	p.signal(syscall.SIGTERM)
	code := p.wait().code - codeSignalOffset // the kernel does not say which of them came first
	if left := b.count("SELECT COUNT(*) FROM t"); left != 400 || code != int(syscall.SIGINT) && code != int(syscall.SIGTERM) {
		t.Errorf("%d rows are left after two signals, signal %d", left, code)
	}
	eventually(t, func() bool { return !b.anyWaiter() })
	p = b.start(b.args("--batch", "20", "--every", "0")...)
	b.awaitWaiter()
	p.signal(syscall.SIGTERM)
	end()
	got := p.wantCode(codeSignalOffset + int(syscall.SIGTERM))
	left := b.count("SELECT COUNT(*) FROM t")
	if !strings.Contains(got.stderr, "stopped between two batches") || left != 390 {
		t.Errorf("%d rows are left; %+v", left, got)
	}
	got = b.run(b.args("--batch", "20", "--every", "0")...).wantCode(0)
	if !strings.Contains(got.stdout, "deleted 200 in 20 batches") || !strings.Contains(got.stdout, "earlier runs of this job included") {
		t.Errorf("%+v", got)
	}
}

// Of two instances one works. When it is killed, the other takes over where it was.
func TestDedupeTakesOver(t *testing.T) {
	for _, name := range []string{"sqlite", "postgresql", "mysql", "mariadb"} {
		t.Run(name, func(t *testing.T) {
			var s *shop
			if name == "sqlite" {
				s = newSQLiteShop(newSandbox(t))
			} else {
				s = newSQLBed(t, name).shop
			}
			first := s.start(s.args("--batch", "20", "--every", "0.3")...)
			eventually(t, func() bool { return s.count("SELECT COUNT(*) FROM t") < 390 })
			second := s.start(s.args("--batch", "20", "--every", "0", "-o", "json")...)
			eventually(t, func() bool { return strings.Contains(second.errText(), "another instance works") })
			first.signal(syscall.SIGKILL)
			got := second.wantCode(0)
			var report dedupe.Report
			if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
				t.Fatalf("%v in %s", err, got.stdout)
			}
			if !report.Resumed || report.Deleted != shopPairs || report.Before.Rows != 2*shopPairs {
				t.Errorf("%+v", report)
			}
			if n := s.count("SELECT COUNT(*) FROM t_dups"); n != shopPairs {
				t.Errorf("%d rows in the backup", n)
			}
			if n := s.count("SELECT MAX(id) FROM t"); n != shopPairs-1 {
				t.Errorf("the last row is %d", n)
			}
		})
	}
}

func newMySQLShop(s *sandbox, addr string) *shop {
	s.t.Helper()
	db, err := sql.Open("mysql", testserver.MySQLDSN(addr, ""))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(s.t.Context(), "CREATE DATABASE shop"); err != nil {
		s.t.Fatal(err)
	}
	return newShop(s, testserver.MySQLURL(addr, "shop"), "mysql", testserver.MySQLDSN(addr, "shop"))
}

func TestDedupeBadUsage(t *testing.T) {
	s := newSQLiteShop(newSandbox(t))
	s.exec("CREATE TABLE bare (k INT)")
	s.exec("CREATE VIEW seen AS SELECT * FROM t")
	for _, tt := range []struct {
		args []string
		code int
		part string
	}{
		{[]string{"dedupe"}, codeUsage, "--table"},
		{[]string{"dedupe", "--table", "t"}, codeUsage, "--key"},
		{[]string{"dedupe", "--table", "t", "--key", "k"}, codeUsage, "oldest or newest"},
		{[]string{"dedupe", "--table", "t", "--key", "k", "--keep", "oldest"}, codeUsage, "--db"},
		{s.args("extra"), codeUsage, "takes no argument"},
		{s.args("--keep", "best"), codeUsage, "oldest or newest"},
		{s.args("--batch", "0"), codeUsage, "want 2 to 10000"},
		{s.args("--every", "-1s"), codeUsage, "want a time"},
		{s.args("--no-backup", "--backup-table", "x"), codeUsage, "exclude each other"},
		{s.args("--on-reference", "drop"), codeUsage, "refuse, repoint or skip"},
		{s.args("--key", "nothing"), codeUsage, `no column "nothing"`},
		{s.args("--table", "nowhere"), codeUsage, "no table nowhere"},
		{s.args("--table", "bare"), codeConfig, "no primary key"},
		{s.args("--table", "seen"), codeConfig, "is a view"},
		{s.args("--db", "mysql://u:secret@127.0.0.1:1/d"), codeUnavailable, "127.0.0.1:1"},
		{s.args("--db", "sqlite://"+s.dir+"/none.db"), codeConfig, "want a file that is there"},
		{s.args("--db", "http://u:secret@h/d"), codeUsage, "unknown scheme"},
	} {
		got := s.run(tt.args...).wantErr(tt.code, tt.part)
		if strings.Contains(got.stderr, "secret") || strings.Contains(got.stderr, "refused: ") {
			t.Errorf("%v: %s", tt.args, got.stderr)
		}
	}
}
