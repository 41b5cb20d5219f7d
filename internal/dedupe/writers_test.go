package dedupe

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// Writers insert, update and delete in the groups that are being cleaned up, and move rows
// from one to another. Rows under 1,000 are anchors: one for each group, the oldest, which
// no writer touches. Each must be there at every moment, and in the end alone.
func TestUnderWriters(t *testing.T) {
	onEach(t, func(b *bed) {
		const groups = 40
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL, made INT NOT NULL, note INT NOT NULL)", "CREATE INDEX t_key ON t (k)")
		b.fill("t", 10*groups, func(i int) string { return fmt.Sprintf("%d, %d, %d, 0", i%groups+1000*(i/groups), i%groups, i/groups) })
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		var nextID atomic.Int64
		nextID.Store(100000)
		var wrote, failed atomic.Int64
		write := func() (string, []any) {
			k, far := rand.N(groups), 1000+rand.N(9000)
			switch rand.N(5) {
			case 0:
				return "INSERT INTO t VALUES (?, ?, 50, 0)", []any{nextID.Add(1), k}
			case 1:
				return "UPDATE t SET k = ? WHERE id >= 1000 AND id <= ? AND k = ?", []any{k, far, rand.N(groups)}
			case 2:
				return "UPDATE t SET made = ? WHERE id >= 1000 AND k = ?", []any{1 + rand.N(90), k}
			case 3:
				return "DELETE FROM t WHERE id >= 1000 AND k = ? AND made < ?", []any{k, rand.N(60)}
			}
			return "UPDATE t SET note = note + 1 WHERE k = ?", []any{k}
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					text, args := write()
					if _, err := b.db.ExecContext(ctx, b.numbered(text), args...); err != nil {
						failed.Add(1)
						continue
					}
					wrote.Add(1)
				}
			})
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				var anchors, all int
				err := b.db.QueryRowContext(ctx, "SELECT COUNT(CASE WHEN id < 1000 AND k = id THEN 1 END), COUNT(DISTINCT k) FROM t").Scan(&anchors, &all)
				if err == nil && (anchors != groups || all != groups) {
					b.Errorf("%d anchors, %d groups", anchors, all)
				}
			}
		})
		job := b.job()
		job.Batch, job.OrderBy, job.BackupTable = 20, "made", ""
		started := time.Now()
		job.Progress = func(Status) {
			if time.Since(started) > 3*time.Second {
				cancel() // the writers end, the job goes on until none is left
			}
		}
		report, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
		cancel()
		wg.Wait()
		if err != nil {
			b.Fatalf("%v, %+v", err, report)
		}
		// Writers that were still at it may have left some since the last look.
		if report, err = b.mustPlan(job).Run(b.Context(), context.Background(), 2); err != nil {
			b.Fatalf("%v, %+v", err, report)
		}
		b.want("SELECT COUNT(*) FROM t WHERE id < 1000 AND k = id", fmt.Sprint(groups))
		b.want("SELECT COUNT(*), COUNT(DISTINCT k) FROM t", fmt.Sprintf("%d %d", groups, groups))
		b.Logf("%d writes, %d failed; %+v", wrote.Load(), failed.Load(), report)
		if wrote.Load() == 0 {
			b.Error("no writer has written")
		}
	})
}

// Writers that delete the best row of a group themselves, as long as it is not the last.
// They and the job between them never empty a group.
func TestUnderWritersThatDeleteSurvivors(t *testing.T) {
	onEach(t, func(b *bed) {
		const groups = 10
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL)", "CREATE INDEX t_key ON t (k)")
		b.fill("t", 20*groups, func(i int) string { return fmt.Sprintf("%d, %d", i, i%groups) })
		ctx, cancel := context.WithTimeout(b.Context(), 3*time.Second)
		defer cancel()
		var nextID, deleted atomic.Int64
		nextID.Store(1000)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for ctx.Err() == nil {
					k := rand.N(groups)
					_, _ = b.db.ExecContext(ctx, b.numbered("INSERT INTO t VALUES (?, ?)"), nextID.Add(1), k)
					if n, err := b.deleteBest(ctx, k); err == nil {
						deleted.Add(n)
					}
				}
			})
		}
		job := b.job()
		job.Batch, job.BackupTable = 20, ""
		for token := uint64(1); ctx.Err() == nil; token++ {
			if _, err := b.mustPlan(job).Run(b.Context(), context.Background(), token); err != nil {
				b.Fatal(err)
			}
			b.want("SELECT COUNT(DISTINCT k) FROM t", fmt.Sprint(groups))
		}
		wg.Wait()
		b.want("SELECT COUNT(DISTINCT k) FROM t", fmt.Sprint(groups))
		b.Logf("writers deleted %d rows", deleted.Load())
	})
}

// deleteBest deletes the oldest row of a group that it has locked and found to have two.
func (b *bed) deleteBest(ctx context.Context, k int) (n int64, err error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	lock := " FOR UPDATE"
	if b.addr == "" {
		lock = ""
	}
	rows, err := tx.QueryContext(ctx, b.numbered("SELECT id FROM t WHERE k = ? ORDER BY id"+lock), k)
	if err != nil {
		return 0, err
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := rows.Close(); err != nil || len(ids) < 2 {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, b.numbered("DELETE FROM t WHERE id = ?"), ids[0])
	if err != nil {
		return 0, err
	}
	n, _ = result.RowsAffected()
	return n, tx.Commit()
}

// numbered writes question marks as the engine wants its placeholders.
func (b *bed) numbered(text string) string {
	if _, ok := b.db.Driver().(*stdlib.Driver); !ok {
		return text
	}
	out, n := "", 0
	for _, r := range text {
		if r == '?' {
			n++
			out += fmt.Sprintf("$%d", n)
			continue
		}
		out += string(r)
	}
	return out
}

// Another transaction holds a row of the group for longer than one lock wait, and a
// deadlock is met: the batch is tried again.
func TestRetryBehindALock(t *testing.T) {
	onEach(t, func(b *bed) {
		b.pairs(5)
		tx, err := b.db.BeginTx(b.Context(), &sql.TxOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tx.ExecContext(b.Context(), "UPDATE t SET k = 77 WHERE id = 7"); err != nil {
			b.Fatal(err)
		}
		released := time.AfterFunc(lockWait+time.Second, func() { _ = tx.Commit() })
		defer released.Stop()
		job := b.job()
		job.BackupTable = ""
		if b.addr == "" {
			job.Batch = 10
		}
		if report := b.run(job); report.Deleted != 4 {
			b.Errorf("%+v", report)
		}
		b.want("SELECT id FROM t WHERE k IN (2, 77) ORDER BY id", "2", "7")
	})
}
