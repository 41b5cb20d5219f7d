package dedupe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pairs makes a table of n keys, each there twice: as i and as n+i.
func (b *bed) pairs(n int) {
	b.Helper()
	b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL)", "CREATE INDEX t_key ON t (k)")
	b.fill("t", 2*n, func(i int) string { return fmt.Sprintf("%d, %d", i, i%n) })
}

func TestDryRunChangesNothing(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(20)
		report, err := b.mustPlan(b.job()).DryRun(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if diff := cmp.Diff(Count{40, 20, 20}, report.Before); diff != "" || report.Deleted != 0 {
			b.Errorf("%+v", report)
		}
		b.want("SELECT COUNT(*) FROM t", "40")
		b.nothingLeft()
		b.noBackup()
	})
}

// noBackup wants that there is no backup table.
func (b *bed) noBackup() {
	b.Helper()
	if _, err := b.db.ExecContext(b.Context(), "SELECT 1 FROM t_dups"); err == nil {
		b.Error("there is a backup table")
	}
}

// A job without duplicates leaves no empty backup table behind.
func TestNothingToDo(t *testing.T) {
	onEach(t, func(b *bed) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT)", "INSERT INTO t VALUES (1, 1), (2, NULL), (3, NULL)")
		if report := b.run(b.job()); report.Deleted != 0 || report.Batches != 0 || *report.After != (Count{Rows: 3}) {
			b.Errorf("%+v", report)
		}
		b.noBackup()
	})
}

func TestNoBackup(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(20)
		job := b.job()
		job.BackupTable = ""
		b.run(job)
		b.want("SELECT COUNT(*) FROM t", "20")
	})
}

// A batch and its backup are one transaction: when the backup fails, nothing is deleted.
func TestBackupAndDeleteAreOne(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(20)
		b.exec("CREATE TABLE t_dups (id INT, k INT CHECK (k < 15))")
		job := b.job()
		job.Batch = 10
		_, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
		if err == nil {
			b.Fatal("no error")
		}
		rest := b.rows("SELECT id FROM t ORDER BY id")
		gone := b.rows("SELECT id FROM t_dups ORDER BY id")
		if len(rest)+len(gone) != 40 || len(gone) == 0 {
			b.Errorf("%d rows are there and %d in the backup", len(rest), len(gone))
		}
	})
}

// A job that was stopped goes on where it was, and the later one tells of both.
func TestStopAndResume(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(100)
		job := b.job()
		job.Batch = 20
		stop, cancel := context.WithCancel(context.Background())
		defer cancel()
		job.Progress = func(s Status) {
			if s.Deleted >= 30 {
				cancel()
			}
		}
		report, err := b.mustPlan(job).Run(b.Context(), stop, 1)
		if !errors.Is(err, ErrStopped) || report.Deleted != 30 {
			b.Fatalf("%v, %+v", err, report)
		}
		b.want("SELECT COUNT(*) FROM t", "170")
		job.Progress = nil
		report, err = b.mustPlan(job).Run(b.Context(), context.Background(), 2)
		if err != nil || !report.Resumed || report.Deleted != 100 || report.Passes != 1 || report.Before.Rows != 200 {
			b.Fatalf("%v, %+v", err, report)
		}
		b.want("SELECT COUNT(*), MAX(id) FROM t", "100 99")
	})
}

// The holder of an older token does nothing more once a newer one has begun.
func TestOlderTokenIsRefused(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(100)
		job := b.job()
		job.Batch = 20
		old := b.mustPlan(job)
		var deleted int64
		old.job.Progress = func(s Status) {
			if s.Deleted == 0 || deleted > 0 {
				return
			}
			deleted = s.Deleted
			if _, err := b.mustPlan(job).take(b.Context(), 9); err != nil {
				b.Error(err)
			}
		}
		report, err := old.Run(b.Context(), context.Background(), 8)
		if !errors.Is(err, ErrStale) || report.Deleted != deleted {
			b.Errorf("%v, %+v after %d", err, report, deleted)
		}
		b.want("SELECT COUNT(*) FROM t", fmt.Sprint(200-deleted))
		if _, err := b.mustPlan(job).Run(b.Context(), context.Background(), 7); !errors.Is(err, ErrStale) {
			b.Errorf("token 7 after 9: %v", err)
		}
	})
}

// When the lock's context ends, nothing more is deleted, and its cause is the error.
func TestLostLockEndsTheWork(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(100)
		job := b.job()
		job.Batch = 20
		lost := errors.New("lost")
		ctx, cancel := context.WithCancelCause(b.Context())
		defer cancel(nil)
		job.Progress = func(s Status) {
			if s.Deleted > 0 {
				cancel(lost)
			}
		}
		report, err := b.mustPlan(job).Run(ctx, context.Background(), 1)
		if !errors.Is(err, lost) || report.Deleted != 10 {
			b.Errorf("%v, %+v", err, report)
		}
		b.want("SELECT COUNT(*) FROM t", "190")
	})
}

// Batches are bounded, and begin no sooner than asked.
func TestPauses(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(30)
		job := b.job()
		job.Batch, job.Every = 20, 150*time.Millisecond
		report := b.run(job)
		if report.Batches < 3 || report.Seconds < 0.3 {
			b.Errorf("%+v", report)
		}
	})
}

func TestForeignKeys(t *testing.T) {
	onEach(t, func(b *bed) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL, parent INT REFERENCES t (id))", "CREATE INDEX t_key ON t (k)",
			"CREATE TABLE child (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE)",
			"INSERT INTO t VALUES (1,1,NULL), (2,1,NULL), (3,1,NULL), (4,2,1), (5,2,5), (6,3,6), (7,3,NULL)",
			"INSERT INTO child VALUES (10,1), (20,2), (21,2), (60,6), (99,NULL)")
		job := b.job()
		_, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "--on-reference") {
			b.Fatalf("refuse: %v", err)
		}
		b.want("SELECT COUNT(*) FROM t", "7")
		b.nothingLeft()
		b.noBackup()

		job.OnReference = Skip
		report := b.run(job)
		if report.Skipped == 0 || report.After.Duplicates != report.Skipped {
			b.Errorf("skip: %+v", report)
		}
		left := b.rows("SELECT id FROM t ORDER BY id")
		if !slices.Contains(left, "2") || slices.Contains(left, "3") || slices.Contains(left, "7") {
			b.Errorf("skip: left %v", left)
		}
		job.AddUniqueIndex = true
		if _, err := b.mustPlan(job).Run(b.Context(), context.Background(), 2); !errors.Is(err, ErrRefused) {
			b.Errorf("a unique index over skipped rows: %v", err)
		}
		b.nothingLeft()

		job.OnReference = Repoint
		report = b.run(job)
		b.want("SELECT id FROM t ORDER BY id", "1", "4", "6")
		b.want("SELECT id, t_id FROM child ORDER BY id", "10 1", "20 1", "21 1", "60 6", "99 NULL")
		if report.Repointed < 2 || report.UniqueIndex == "" {
			b.Errorf("repoint: %+v", report)
		}
	})
}

// A row that comes to point at a duplicate after the first look is not taken along.
func TestReferenceThatComesLater(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(50)
		b.exec("CREATE TABLE child (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE)")
		job := b.job()
		job.Batch = 10
		done := false
		job.Progress = func(s Status) {
			if s.Deleted > 0 && !done {
				done = true
				b.exec("INSERT INTO child VALUES (1, 99)")
			}
		}
		_, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
		if !errors.Is(err, ErrRefused) {
			b.Errorf("%v", err)
		}
		b.want("SELECT id, t_id FROM child", "1 99")
		b.want("SELECT COUNT(*) FROM t WHERE id = 99", "1")
	})
}

// More duplicates of one key are pointed at than a window holds, and others come after.
func TestSkippedRowsDoNotStopTheWalk(t *testing.T) {
	onEach(t, func(b *bed) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL)", "CREATE INDEX t_key ON t (k)",
			"CREATE TABLE child (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id))")
		b.fill("t", 250, func(i int) string { return fmt.Sprintf("%d, 7", i) })
		b.fill("child", 200, func(i int) string { return fmt.Sprintf("%d, %d", i, i) })
		b.exec("INSERT INTO t VALUES (1000, 8), (1001, 8)")
		job := b.job()
		job.Batch, job.OnReference = 10, Skip
		report := b.run(job)
		b.want("SELECT COUNT(*) FROM t", "201")
		if report.Deleted != 51 || report.Skipped != 199 {
			b.Errorf("%+v", report)
		}
	})
}

// Duplicates that come between the last look and the unique index are cleaned up in
// another round; one that cannot be got rid of ends it, and leaves no INVALID index.
func TestUniqueIndexGoesRoundAgain(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(10)
		for _, always := range []bool{false, true} {
			job := b.job()
			job.AddUniqueIndex = true
			rounds := 0
			job.Progress = func(s Status) {
				if s.Phase == "adding the unique index" {
					if rounds++; rounds == 1 || always {
						b.exec(fmt.Sprintf("INSERT INTO t VALUES (%d, 3)", 1000+rounds))
					}
				}
			}
			report, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
			if always {
				if err == nil || rounds != uniqueTries {
					b.Errorf("%v after %d rounds", err, rounds)
				}
				if b.name == "postgres" {
					b.want("SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid")
				}
				break
			}
			if err != nil || rounds != 2 || report.UniqueIndex != "t_k_unique" {
				b.Errorf("%v, %+v after %d rounds", err, report, rounds)
			}
			b.want("SELECT COUNT(*) FROM t", "10")
			drop := "DROP INDEX t_k_unique"
			if b.addr != "" && b.name != "postgres" {
				drop += " ON t"
			}
			b.exec(drop)
		}
	})
}

func TestRefusals(t *testing.T) {
	onEach(t, func(b *bed) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT)", "CREATE TABLE bare (k INT)", "CREATE VIEW v AS SELECT * FROM t",
			"CREATE TABLE t_other (x INT)")
		switch b.name {
		case "postgres":
			b.exec("CREATE TABLE parts (id INT PRIMARY KEY, k INT) PARTITION BY RANGE (id)",
				"CREATE TABLE old (id INT PRIMARY KEY, k INT)", "CREATE TABLE heir () INHERITS (old)")
		case "mysql", "mariadb":
			b.exec("CREATE TABLE parts (id INT PRIMARY KEY, k INT) PARTITION BY HASH (id) PARTITIONS 2",
				"CREATE TABLE old (id INT PRIMARY KEY, k INT) ENGINE=MyISAM")
		case "sqlite":
			b.exec("CREATE VIRTUAL TABLE old USING fts5(k)", "CREATE TABLE parts (id TEXT PRIMARY KEY, k INT)", "INSERT INTO parts VALUES (NULL, 1)")
		}
		for _, tt := range []struct {
			change func(*Job)
			kind   error
			text   string
		}{
			{func(j *Job) { j.Table = "bare" }, ErrRefused, "has no primary key"},
			{func(j *Job) { j.Table = "v" }, ErrRefused, "is a view"},
			{func(j *Job) { j.Table = "parts" }, ErrRefused, "parts "},
			{func(j *Job) { j.Table = "old" }, ErrRefused, "old "},
			{func(j *Job) { j.Table = "nowhere" }, ErrUsage, "no table nowhere"},
			{func(j *Job) { j.Table = "x`\"'; DROP TABLE t" }, ErrUsage, "no table"},
			{func(j *Job) { j.Key = []string{"kk"} }, ErrUsage, `no column "kk", it has id, k`},
			{func(j *Job) { j.OrderBy = "made" }, ErrUsage, `no column "made"`},
			{func(j *Job) { j.BackupTable = "t_other" }, ErrRefused, "has other columns"},
			{func(j *Job) { j.BackupTable = "t" }, ErrUsage, "the table itself"},
			{func(j *Job) { j.Batch = 1 }, ErrUsage, "want 2 to 10000"},
			{func(j *Job) { j.Key = []string{"k", "K"} }, ErrUsage, "named twice"},
		} {
			job := b.job()
			tt.change(&job)
			_, err := b.plan(job)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "\n") {
				b.Errorf("want %q, got %v", tt.text, err)
			}
		}
		b.nothingLeft()
	})
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "oracle://u:secret@h/d", "mysql://u:secret@h", "postgres://u:secret@/d", "mysql://u:se%cret@h/d", "sqlite://host/path", "mysql://u:secret@h/d?x=secret", "postgres://u:x@h/d?password=secret&sslmode=secret", "mysql://u:secret@127.0.0.1:1/d", "postgres://u:secret@127.0.0.1:1/d", "sqlite:///no/such/file.db"} {
		db, err := Open(t.Context(), raw)
		if err == nil {
			_ = db.Close()
			t.Errorf("%s: no error", raw)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") || strings.Contains(text, "cret@") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// A user who may only read.
func TestNoPrivilege(t *testing.T) {
	onEach(t, func(b *bed) {
		if b.name == "sqlite" {
			b.Skip("it has no users; see TestReadOnlyFile")
		}
		b.pairs(5)
		job := b.job()
		switch b.name {
		case "postgres":
			b.exec("CREATE ROLE reader_"+strings.Split(b.url, "/")[3][:2]+" LOGIN", "GRANT SELECT ON t TO reader_"+strings.Split(b.url, "/")[3][:2])
			job.URL = strings.Replace(b.url, "postgres@", "reader_"+strings.Split(b.url, "/")[3][:2]+"@", 1)
		default:
			b.exec("CREATE USER IF NOT EXISTS reader@'%'", "GRANT SELECT ON t TO reader@'%'")
			job.URL = strings.Replace(b.url, "root@", "reader@", 1)
		}
		plan, err := b.plan(job)
		if err == nil {
			_, err = plan.Run(b.Context(), context.Background(), 1)
		}
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "want ") {
			b.Errorf("%v", err)
		}
		b.want("SELECT COUNT(*) FROM t", "10")
	})
}
