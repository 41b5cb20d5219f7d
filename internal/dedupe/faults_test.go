package dedupe

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// readOnly makes the whole server of a test read-only until writable is called. Tests
// that use it are not parallel, since the others share the server.
func (b *bed) readOnly() (writable func()) {
	b.Helper()
	on, off := []string{"SET GLOBAL read_only = ON"}, []string{"SET GLOBAL read_only = OFF"}
	if b.name == "postgres" {
		on = []string{"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"}
		off = []string{"SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()", "RESET default_transaction_read_only"}
	}
	b.exec(on...)
	return sync.OnceFunc(func() {
		conn, err := b.db.Conn(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		for _, text := range off {
			if _, err := conn.ExecContext(context.Background(), text); err != nil {
				b.Fatalf("%s: %v", text, err)
			}
		}
	})
}

// settledReadOnly waits until a new transaction meets the setting: PostgreSQL's sessions
// read their settings anew some time after a reload.
func (b *bed) settledReadOnly(want bool) {
	b.Helper()
	if b.name != "postgres" {
		return
	}
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if b.rows("SHOW default_transaction_read_only")[0] == map[bool]string{true: "on", false: "off"}[want] {
			return
		}
		if time.Now().After(limit) {
			b.Fatal("the server does not read its settings anew")
		}
	}
}

// A server that is read-only is told before anything is done, and one that becomes it on
// the way ends the job between two batches.
func TestReadOnlyServer(t *testing.T) { //nolint:paralleltest // it changes the server
	for _, name := range engines[:3] {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, name)
			b.pairs(50)
			job := b.job()
			job.URL = b.worker()
			writable := b.readOnly()
			defer writable()
			b.settledReadOnly(true)
			if _, err := b.plan(job); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), "want the URL of the primary") {
				b.Errorf("%v", err)
			}
			writable()
			b.settledReadOnly(false)

			job.Batch = 20
			again := func() {}
			job.Progress = func(s Status) {
				if s.Deleted == 10 {
					again = b.readOnly()
					b.settledReadOnly(true)
				}
			}
			report, err := b.mustPlan(job).Run(b.Context(), context.Background(), 1)
			again()
			b.settledReadOnly(false)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the server is read-only") || strings.Contains(err.Error(), "\n") {
				b.Errorf("on the way: %v", err)
			}
			if report.Deleted >= 50 || report.Deleted < 10 {
				b.Errorf("%+v", report)
			}
			b.want("SELECT COUNT(*) FROM t", fmt.Sprint(100-report.Deleted))
			b.want("SELECT COUNT(*) FROM t_dups", fmt.Sprint(report.Deleted))
		})
	}
}

// worker is the URL of a user who may do what dedupe wants and no more: an
// administrator may write to a read-only server.
func (b *bed) worker() string {
	b.Helper()
	if b.name == "postgres" {
		return b.url
	}
	b.exec("CREATE USER IF NOT EXISTS worker@'%'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON *.* TO worker@'%'")
	return strings.Replace(b.url, "root@", "worker@", 1)
}

// fileVariable names the file to a process of this test program that is another user's.
const fileVariable = "PAWL_DEDUPE_FILE"

// A file of SQLite that the user may read and not write to.
func TestReadOnlyFile(t *testing.T) {
	if path := os.Getenv(fileVariable); path != "" {
		readOnlyFile(t, path)
		return
	}
	t.Parallel()
	b := newBed(t, "sqlite")
	b.pairs(5)
	b.exec("PRAGMA journal_mode=DELETE")
	path := strings.TrimPrefix(b.url, "sqlite://")
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		readOnlyFile(t, path)
	} else {
		cmd := asNobody(t, "-test.run=^TestReadOnlyFile$", "-test.v")
		cmd.Env = append(cmd.Env, fileVariable+"="+path)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestReadOnlyFile") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	b.want("SELECT COUNT(*) FROM t", "10")
	b.nothingLeft()
}

// asNobody returns this test program as it is run by a user to whom nothing belongs.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "dedupe.test")
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(filepath.Dir(filepath.Dir(program)), 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", program}, args...)...)
	cmd.Dir, cmd.Env = "/", os.Environ()
	return cmd
}

func readOnlyFile(t *testing.T, path string) {
	b := &bed{T: t, name: "sqlite", url: "sqlite://" + path}
	plan, err := b.plan(b.job())
	if err == nil {
		_, err = plan.Run(t.Context(), context.Background(), 1)
	}
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "want a file and a folder that this user may write to") {
		t.Errorf("%v", err)
	}
}

// recording is an engine that takes note of the errors that are sorted.
type recording struct {
	engine
	mu   sync.Mutex
	seen []error
}

func (r *recording) fault(err error) fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen = append(r.seen, err); err == nil {
		return fatal
	}
	return r.engine.fault(err)
}

func (r *recording) deadlocks() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.seen {
		var my *mysql.MySQLError
		var pg *pgconn.PgError
		if errors.As(err, &my) && my.Number == 1213 || errors.As(err, &pg) && pg.Code == "40P01" {
			n++
		}
	}
	return n
}

// A writer that locks rows in the opposite order deadlocks with a batch. The batch is the
// victim, is rolled back whole, and does its work when it is tried again.
func TestDeadlockWithAWriter(t *testing.T) {
	t.Parallel()
	for _, name := range engines[:3] { // SQLite has one writer at a time
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, name)
			b.pairs(20)
			b.exec("CREATE TABLE heavy (id INT PRIMARY KEY)")
			job := b.job()
			if name == "postgres" { // whose victim is who looks first: the batch, after 2 s of its lock timeout of 5 s
				job.URL += "&options=-c%20deadlock_timeout%3D2s"
			}
			plan := b.mustPlan(job)
			seen := &recording{engine: plan.engine}
			plan.engine = seen
			writer, err := b.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			write := func(text string) {
				if _, err := writer.ExecContext(t.Context(), text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
			if name == "postgres" {
				write("SET deadlock_timeout = '1min'")
			}
			write("BEGIN")
			for i := range 50 { // on InnoDB the victim is who has changed less
				write(fmt.Sprintf("INSERT INTO heavy VALUES (%d)", i))
			}
			write("UPDATE t SET k = 77 WHERE id = 30") // the batch comes to it after row 0
			var report *Report
			ended := make(chan error, 1)
			go func() {
				var err error
				report, err = plan.Run(t.Context(), context.Background(), 1)
				ended <- err
			}()
			b.awaitWaiter()
			write("UPDATE t SET k = 78 WHERE id = 0")
			write("COMMIT")
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if report.Deleted != 18 || seen.deadlocks() == 0 {
				t.Errorf("%d deadlocks, %+v", seen.deadlocks(), report)
			}
			b.want("SELECT COUNT(*) FROM t", "22")
			b.want("SELECT id, k FROM t WHERE k > 20 OR k = 10 OR id = 20 ORDER BY id", "0 78", "10 10", "20 0", "30 77")
			b.want("SELECT COUNT(*) FROM t_dups", "18")
		})
	}
}

// awaitWaiter returns when a session of this test's database waits for a lock. InnoDB tells
// the same again until nobody has asked for 100 ms.
func (b *bed) awaitWaiter() {
	b.Helper()
	query := "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()"
	if b.name == "postgres" {
		query = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
	}
	for limit := time.Now().Add(20 * time.Second); b.rows(query)[0] == "0"; time.Sleep(150 * time.Millisecond) {
		if time.Now().After(limit) {
			b.Fatal("nobody waits")
		}
	}
}

const invalidIndexes = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid ORDER BY 1"

// What CREATE INDEX CONCURRENTLY of an earlier run has left INVALID is dropped before the
// next, and no index of anybody else.
func TestInvalidIndexIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBed(t, "postgres")
	b.pairs(10)
	b.exec("CREATE TABLE other (k INT)", "INSERT INTO other VALUES (1), (1)")
	for _, text := range []string{
		"CREATE UNIQUE INDEX CONCURRENTLY t_k_unique ON t (k)", "CREATE UNIQUE INDEX CONCURRENTLY mine ON t (k)", "CREATE UNIQUE INDEX CONCURRENTLY theirs ON other (k)",
	} {
		if _, err := b.db.ExecContext(t.Context(), text); err == nil {
			t.Fatalf("%s: no error", text)
		}
	}
	b.want(invalidIndexes, "mine", "t_k_unique", "theirs")
	b.exec("DROP INDEX t_key") // so that an INVALID one would be the only one to walk along
	job := b.job()
	job.AddUniqueIndex = true
	if report := b.run(job); report.UniqueIndex != "t_k_unique" || report.Index != "" {
		t.Errorf("%+v", report)
	}
	b.want(invalidIndexes, "mine", "theirs")
}

// An INVALID index of the name that belongs to another table stays, and is an error.
func TestInvalidIndexOfAnotherTable(t *testing.T) {
	t.Parallel()
	b := newBed(t, "postgres")
	b.pairs(10)
	b.exec("CREATE TABLE other (k INT)", "INSERT INTO other VALUES (1), (1)")
	if _, err := b.db.ExecContext(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY t_k_unique ON other (k)"); err == nil {
		t.Fatal("no error")
	}
	job := b.job()
	job.AddUniqueIndex = true
	if _, err := b.mustPlan(job).Run(t.Context(), context.Background(), 1); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("%v", err)
	}
	b.want(invalidIndexes, "t_k_unique")
}

// The lock is lost while the index waits for an older transaction: what is built of it
// goes.
func TestInvalidIndexAfterALostLock(t *testing.T) {
	t.Parallel()
	b := newBed(t, "postgres")
	b.pairs(10)
	older, err := b.db.BeginTx(t.Context(), &sql.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer older.Rollback()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	lost := errors.New("lost")
	job := b.job()
	job.AddUniqueIndex = true
	job.Progress = func(s Status) {
		if s.Phase != "adding the unique index" {
			return
		}
		if _, err := older.ExecContext(t.Context(), "INSERT INTO t VALUES (1000, 1000)"); err != nil {
			t.Error(err)
		}
		go func() {
			b.awaitWaiter()
			cancel(lost)
			for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
				if b.rows("SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE%' AND state = 'active' AND datname = current_database()")[0] == "0" {
					break
				}
			}
			_ = older.Commit() // DROP INDEX CONCURRENTLY waits for it too
		}()
	}
	if _, err := b.mustPlan(job).Run(ctx, context.Background(), 1); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
	b.want(invalidIndexes)
}
