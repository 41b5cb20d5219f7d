package dedupe

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// millionVariable turns the test with a million rows on, which takes minutes on a slow
// machine. Its figures are those of docs/dedupe.md.
const millionVariable = "PAWL_DEDUPE_MILLION"

// With an index on the key, 1,000 rows cost the same at the end of a table of a million
// as at its beginning: under 10 ms, seen from the client.
func TestMillionRows(t *testing.T) {
	if os.Getenv(millionVariable) == "" {
		t.Skip("set " + millionVariable + "=1")
	}
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, name)
			b.million()
			b.walkTimes()
			for _, indexed := range []bool{true, false} {
				if !indexed {
					b.exec("INSERT INTO t SELECT * FROM t_dups", "DROP TABLE t_dups")
					drop := "DROP INDEX t_key"
					if name == "mysql" || name == "mariadb" {
						drop += " ON t"
					}
					b.exec(drop)
				}
				job := b.job()
				job.Batch = 1000
				b.forgetServerTime()
				report := b.run(job)
				b.logServerTime(report, report.Deleted+report.Groups)
				t.Logf("index=%v: deleted %d of %d in %d batches in %.1f s, the counts included", indexed, report.Deleted, report.Before.Rows, report.Batches, report.Seconds)
				if report.Deleted != 102400 {
					t.Errorf("%+v", report)
				}
			}
		})
	}
}

// million makes 1,024,000 rows, of which a tenth are duplicates that lie far from their
// first.
func (b *bed) million() {
	b.Helper()
	b.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL, note VARCHAR(50) NOT NULL)")
	b.fill("t", 1000, func(i int) string {
		return fmt.Sprintf("%d, 0, 'a note that is fifty letters long, more or less...'", i)
	})
	for n := 1000; n < 1024000; n *= 2 {
		b.exec(fmt.Sprintf("INSERT INTO t SELECT id + %d, k, note FROM t", n))
	}
	b.exec("UPDATE t SET k = CASE WHEN id < 921600 THEN id ELSE (id - 921600) * 9 END", "CREATE INDEX t_key ON t (k)")
	switch b.name {
	case "postgres":
		b.exec("VACUUM ANALYZE t")
	case "sqlite":
	default:
		b.exec("ANALYZE TABLE t")
	}
}

// walkTimes reads the whole table in windows of 1,000 rows.
func (b *bed) walkTimes() {
	b.Helper()
	job := b.job()
	job.Batch = 1000
	plan := b.mustPlan(job)
	way := indexWalk{plan}
	var times []time.Duration
	for at, more := (position{}), true; more; {
		started := time.Now()
		var rows []candidate
		var err error
		if rows, more, err = way.window(context.Background(), at, 1000); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(started))
		if more {
			at = beyondRow(rows)
		}
	}
	mean := func(part []time.Duration) time.Duration {
		var sum time.Duration
		for _, d := range part {
			sum += d
		}
		return (sum / time.Duration(len(part))).Round(time.Microsecond)
	}
	first, last := mean(times[:100]), mean(times[len(times)-100:])
	b.Logf("reading 1,000 rows: %v at the beginning, %v at the end, %v on average of %d", first, last, mean(times), len(times))
	if last > 4*first+10*time.Millisecond {
		b.Error("a batch costs more at the end of the table")
	}
}

func beyondRow(rows []candidate) position { return beyond(rows[len(rows)-1].at) }

// forgetServerTime begins a new count of the time that the server spends on statements.
func (b *bed) forgetServerTime() {
	b.Helper()
	switch b.name {
	case "postgres":
		b.exec("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()")
	case "mysql":
		b.exec("UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_statements_cpu'",
			"TRUNCATE performance_schema.events_statements_summary_by_digest")
	}
}

// serverTimes are the queries for the statements of this database: the time by the clock,
// and on MySQL that of the processor, which a busy machine leaves as it is. MariaDB keeps none by
// default, and SQLite is no server.
var serverTimes = map[string]string{
	"postgres": "SELECT query, calls, total_exec_time + total_plan_time AS ms, 0 AS cpu FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
	"mysql":    "SELECT DIGEST_TEXT AS query, COUNT_STAR AS calls, SUM_TIMER_WAIT / 1e9 AS ms, SUM_CPU_TIME / 1e9 AS cpu FROM performance_schema.events_statements_summary_by_digest WHERE SCHEMA_NAME = DATABASE() AND DIGEST_TEXT NOT LIKE 'TRUNCATE%'",
}

// logServerTime tells what the server has spent its time on since. All that is neither
// reading, counting nor DDL belongs to the batches, the commits of the reading included.
// locked is how many rows the batches have locked.
func (b *bed) logServerTime(report *Report, locked int64) {
	b.Helper()
	query := serverTimes[b.name]
	if query == "" {
		return
	}
	sum := func(where string) (ms, cpu float64) {
		row := b.db.QueryRowContext(b.Context(), "SELECT COALESCE(SUM(ms), 0), COALESCE(SUM(cpu), 0) FROM ("+query+") AS q WHERE "+where)
		if err := row.Scan(&ms, &cpu); err != nil {
			b.Fatal(err)
		}
		return ms, cpu
	}
	reading, readingCPU := sum("query LIKE '%DENSE_RANK%LIMIT%'")
	batches, batchesCPU := sum("query NOT LIKE '%DENSE_RANK%' AND query NOT LIKE 'SELECT COUNT%' AND query NOT LIKE 'CREATE%' AND query NOT LIKE 'DROP%'")
	b.Logf("server: %.1f ms (%.1f ms of CPU) for a batch of 1,000 locked rows, %d batches", 1000*batches/float64(locked), 1000*batchesCPU/float64(locked), report.Batches)
	rows := float64(report.Before.Rows) / 1000
	b.Logf("server: %.1f ms (%.1f ms of CPU) for each 1,000 rows of the table: %.1f ms of reading, %.1f ms of batches",
		(reading+batches)/rows, (readingCPU+batchesCPU)/rows, reading/rows, batches/rows)
	for _, row := range b.rows("SELECT round(ms), round(cpu), calls, left(query, 90) FROM (" + query + ") AS q ORDER BY ms DESC LIMIT 10") {
		b.Log("server ms, CPU ms, calls: " + row)
	}
}
