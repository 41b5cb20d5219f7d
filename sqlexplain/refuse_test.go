package sqlexplain_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/sqlexplain"
)

// TestRefused: what a rollback does not undo is not run.
func TestRefused(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, append(stockTable(engine), "CREATE VIEW v AS SELECT * FROM t")...)
		s := d.open(t)
		statements := map[string]string{
			"DROP TABLE t":             "DROP: it changes definitions",
			"TRUNCATE TABLE t":         "TRUNCATE",
			"LOAD DATA INFILE 'x'":     "LOAD: it reads a file",
			"COMMIT":                   "COMMIT: it steers transactions",
			"/* x */ COMMIT":           "COMMIT",
			"CALL p()":                 "a procedure may commit",
			"SELECT 1; COMMIT":         "several statements",
			"DELETE FROM t;; DELETE x": "several statements",
			"EXPLAIN SELECT 1":         "give the statement itself",
			"frobnicate":               `begins with "frobnicate"`,
			"SELECT * FROM v":          "v is a view",
		}
		if engine == "postgresql" {
			exec(t, d.db, "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE SEQUENCE q")
			statements["SELECT nextval('q')"] = "nextval()"
			statements["SELECT pg_advisory_lock(1)"] = "pg_advisory_lock()"
			statements["SELECT * INTO copy FROM t"] = "SELECT INTO creates a table"
			statements["DELETE FROM parts WHERE id = 1"] = "parts is partitioned"
			statements["COPY t TO '/tmp/x'"] = "COPY"
			statements["SELECT $$;$$; COMMIT"] = "several statements"
		} else {
			exec(t, d.db, "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2", "CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM",
				"CREATE TABLE loud (id INT PRIMARY KEY)", "CREATE TRIGGER shout AFTER INSERT ON loud FOR EACH ROW INSERT INTO isam VALUES (NEW.id)")
			statements["SELECT GET_LOCK('x', 1)"] = "get_lock()"
			statements["SELECT * FROM t INTO OUTFILE 'x'"] = "INTO OUTFILE"
			statements["DELETE FROM parts WHERE id = 1"] = "parts is partitioned"
			statements["INSERT INTO isam VALUES (1)"] = "ENGINE=InnoDB"
			statements["INSERT INTO loud VALUES (1)"] = "trigger shout"
			statements["/*!50000 COMMIT */"] = "COMMIT"
			statements["SELECT '\\';'; COMMIT"] = "several statements"
		}
		for statement, words := range statements {
			r, err := s.Explain(t.Context(), statement, nil)
			if !errors.Is(err, sqlexplain.ErrRefused) || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %+v, %v, want a refusal with %q", statement, r, err, words)
			}
			if _, err := s.Explain(t.Context(), "SELECT 1", &sqlexplain.Options{After: []string{statement}}); !errors.Is(err, sqlexplain.ErrRefused) {
				t.Errorf("--after %s: %v, want a refusal", statement, err)
			}
		}
		for _, statement := range []string{"SELECT ';' AS x FROM t WHERE id = 1", "SELECT 1 -- ; COMMIT", "SELECT 1;", "WITH x AS (SELECT 1) SELECT * FROM x"} {
			if _, err := s.Explain(t.Context(), statement, nil); err != nil {
				t.Errorf("%s: %v, want no refusal", statement, err)
			}
		}
		nothingLeft(t, d, engine)
	})
}

// TestBadInput: one line each that names what is wrong.
func TestBadInput(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		s := newDatabase(t, engine, stockTable(engine)...).open(t)
		for _, test := range []struct {
			statement string
			opts      sqlexplain.Options
			words     string
		}{
			{"", sqlexplain.Options{}, "the statement is empty"},
			{"SELECT FROM WHERE", sqlexplain.Options{}, "does not parse"},
			{"SELECT * FROM missing", sqlexplain.Options{}, "missing"},
			{"SELECT missing FROM t", sqlexplain.Options{}, "missing"},
			{"SELECT 1", sqlexplain.Options{Isolation: "dirty"}, "want read-committed, repeatable-read or serializable"},
			{"SELECT 1", sqlexplain.Options{LockTimeout: -time.Second}, "lock timeout"},
			{"SELECT 1", sqlexplain.Options{LockTimeout: 1500 * time.Microsecond}, "counts in units of"},
			{"SELECT 1", sqlexplain.Options{MaxRows: -1}, "max rows"},
		} {
			_, err := s.Explain(t.Context(), test.statement, &test.opts)
			if err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q %+v: %v, want one line with %q", test.statement, test.opts, err, test.words)
			}
		}
	})
}

// TestURLs: what is wrong with a URL, and never its password.
func TestURLs(t *testing.T) {
	t.Parallel()
	for url, words := range map[string]string{
		"":                                       "want mysql://",
		"oracle://scott:tiger@h/x":               `scheme "oracle"`,
		"mysql://u:tiger@/x":                     "there is no host",
		"mysql://u:tiger@h/x?speed=fast":         `parameter "speed"`,
		"mysql://u:tiger@h:port/x":               "want mysql://",
		"postgres://u:tiger@h:port/x":            "want mysql://",
		"postgres://u:tiger@h/x?sslmode=perhaps": "sslmode",
		"mysql://u:tiger@127.0.0.1:1/x":          "refused",
		"postgres://u:tiger@127.0.0.1:1/x":       "refused",
		"mysql://u:ti%zzger@h/x":                 "want mysql://",
	} {
		_, err := sqlexplain.Open(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "ger@") || strings.Contains(err.Error(), "tiger") {
			t.Errorf("%q: %v, want an error with %q and without the password", url, err, words)
		}
	}
}

// TestPrivileges: a user who may not see locks is told what to grant.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	for _, engine := range engines[:2] {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, engine, stockTable(engine)...)
			user := "low" + d.name()
			exec(t, d.db, "CREATE USER "+user+"@'%' IDENTIFIED BY 'tiger'", "GRANT ALL ON "+d.name()+".* TO "+user+"@'%'")
			s, err := sqlexplain.Open(t.Context(), d.withUser(t, user, "tiger"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err = s.Explain(t.Context(), "UPDATE t SET n = 1 WHERE id = 10", nil)
			if err == nil || !strings.Contains(err.Error(), "GRANT PROCESS") && !strings.Contains(err.Error(), "GRANT SUPER") {
				t.Errorf("%v, want what to grant", err)
			}
			if _, err := s.Waits(t.Context()); err == nil || !strings.Contains(err.Error(), "GRANT") {
				t.Errorf("waits: %v, want what to grant", err)
			}
			if _, err := s.Deadlock(t.Context()); err == nil || !strings.Contains(err.Error(), "GRANT PROCESS") {
				t.Errorf("deadlock: %v, want what to grant", err)
			}
			nothingLeft(t, d, engine)
			if engine == "mysql" {
				exec(t, d.db, "GRANT PROCESS ON *.* TO "+user+"@'%'")
				again, err := sqlexplain.Open(t.Context(), d.withUser(t, user, "tiger"))
				if err != nil {
					t.Fatal(err)
				}
				defer again.Close()
				_, err = again.Explain(t.Context(), "UPDATE t SET n = 1 WHERE id = 10", nil)
				if err == nil || !strings.Contains(err.Error(), "performance_schema") {
					t.Errorf("%v, want a grant on performance_schema", err)
				}
			}
		})
	}
}

// TestReadOnly: a replica is told from a primary.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "postgresql", stockTable("postgresql")...)
	exec(t, d.db, "ALTER DATABASE "+d.name()+" SET default_transaction_read_only = on")
	if _, err := d.open(t).Explain(t.Context(), "UPDATE t SET n = 1", nil); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("%v, want that the server is read-only", err)
	}
	for _, engine := range engines[:2] {
		d := newDatabase(t, engine, stockTable(engine)...)
		user := "ro" + d.name()
		exec(t, d.db, "CREATE USER "+user+"@'%'", "GRANT SELECT, UPDATE, PROCESS ON *.* TO "+user+"@'%'", "SET GLOBAL read_only = ON")
		s, err := sqlexplain.Open(t.Context(), d.withUser(t, user, ""))
		if err == nil {
			_, err = s.Explain(t.Context(), "UPDATE t SET n = 1", nil)
			s.Close()
		}
		exec(t, d.db, "SET GLOBAL read_only = OFF")
		if err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: %v, want that the server is read-only", engine, err)
		}
	}
}

// TestLockTimeout: a row that another transaction has is not waited for any longer.
func TestLockTimeout(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		holder := session(t, d)
		exec(t, holder, "UPDATE t SET n = 0 WHERE id = 10")
		_, err := d.open(t).Explain(t.Context(), "UPDATE t SET n = 1 WHERE id = 10", &sqlexplain.Options{LockTimeout: time.Second})
		if err == nil || !strings.Contains(err.Error(), "--lock-timeout 1s") {
			t.Errorf("%v, want that the lock timeout is over", err)
		}
	})
}

// TestCancelled: a statement that waits is stopped on the server when the context ends,
// and its locks are gone.
func TestCancelled(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		s := d.open(t)
		holder := session(t, d)
		exec(t, holder, "UPDATE t SET n = 0 WHERE id = 20")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := s.Explain(ctx, "UPDATE t SET n = 1 WHERE id = 20",
				&sqlexplain.Options{LockTimeout: time.Hour, After: []string{"UPDATE t SET n = 1 WHERE id = 10"}})
			ended <- err
		}()
		await(t, s, func(w []sqlexplain.Session) bool {
			for _, session := range w {
				if session.DB == d.name() && len(session.BlockedBy) > 0 {
					return true
				}
			}
			return false
		})
		cancel()
		if err := <-ended; err == nil {
			t.Error("no error after the context has ended")
		}
		other := session(t, d)
		select {
		case err := <-update(t, other, 10):
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the cancelled explain still holds its first row")
		}
	})
}
