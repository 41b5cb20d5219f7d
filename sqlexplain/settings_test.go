package sqlexplain_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/sqlexplain"
)

// TestSettingPutBack: MariaDB's innodb_status_output_locks is as it was, after runs side by
// side, one that was refused and one that was broken off, and whether it was on or off.
// It needs a server to itself.
func TestSettingPutBack(t *testing.T) {
	t.Parallel()
	server := testserver.MariaDB(t, "--tmpdir="+openDir(t))
	db := connect(t, "mariadb", server.Addr, "")
	exec(t, db, "CREATE DATABASE d")
	d := &database{url: testserver.MySQLURL(server.Addr, "d"), db: connect(t, "mariadb", server.Addr, "d")}
	exec(t, d.db, stockTable("mariadb")...)
	s := d.open(t)
	for _, setting := range []string{"OFF", "ON"} {
		exec(t, d.db, "SET GLOBAL innodb_status_output_locks = "+setting)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var runs sync.WaitGroup
		for i := range 8 {
			runs.Go(func() {
				r, err := s.Explain(t.Context(), fmt.Sprintf("SELECT * FROM t WHERE id = %d FOR UPDATE", 10+10*(i%4)),
					&sqlexplain.Options{LockTimeout: 10 * time.Second})
				if err != nil || len(r.Locks) != 2 {
					t.Errorf("%+v, %v, want two locks", r, err)
				}
				_, _ = s.Explain(ended, "SELECT 1", nil)
				_, _ = s.Explain(t.Context(), "COMMIT", nil)
			})
		}
		runs.Wait()
		var name, now string
		if err := d.db.QueryRowContext(t.Context(), "SHOW GLOBAL VARIABLES LIKE 'innodb_status_output_locks'").Scan(&name, &now); err != nil || now != setting {
			t.Errorf("%s is %s, %v, want %s as before", name, now, err, setting)
		}
	}
	nothingLeft(t, d, "mariadb")
}

// TestAfter: the locks of earlier statements stay, and each lock knows its statement.
func TestAfter(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		r := explain(t, d.open(t), "UPDATE t SET n = 1 WHERE id = 20", &sqlexplain.Options{After: []string{"UPDATE t SET n = 1 WHERE id = 10;"}})
		by := make(map[string]int)
		for _, l := range r.Locks {
			if l.Kind == sqlexplain.KindRecord {
				by[strings.Join(l.Key, ",")] = l.By
			}
		}
		if len(by) != 2 || by["10"] != 1 || by["20"] != 2 {
			t.Errorf("locks %+v, want row 10 by 1 and row 20 by 2", r.Locks)
		}
		nothingLeft(t, d, engine)
	})
}

// TestMaxRows: a statement that reads too many rows is not run, and the report has the
// plan and the count.
func TestMaxRows(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		r := explain(t, d.open(t), "UPDATE t SET n = 1 WHERE n > 0", &sqlexplain.Options{MaxRows: 3})
		told := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "about 4 rows") })
		if r.Executed || len(r.Locks) > 0 || !told || len(r.Plan) != 1 {
			t.Errorf("report %+v, want a plan and a warning with the count", r)
		}
	})
}

// TestTruncated: MariaDB prints ten lock structures; the count is whole and the cut is
// said.
func TestTruncated(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "mariadb", stockTable("mariadb")...)
	var after []string
	for i := range 12 {
		exec(t, d.db, fmt.Sprintf("CREATE TABLE t%d (id INT PRIMARY KEY)", i), fmt.Sprintf("INSERT INTO t%d VALUES (1)", i))
		after = append(after, fmt.Sprintf("SELECT * FROM t%d WHERE id = 1 FOR UPDATE", i))
	}
	r := explain(t, d.open(t), "SELECT * FROM t WHERE id = 10 FOR UPDATE", &sqlexplain.Options{After: after})
	told := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "13 row locks") })
	if !r.Truncated || r.RowsLocked != 13 || len(r.Locks) >= 26 || !told {
		t.Errorf("%d row locks, %d listed, truncated %v, warnings %q", r.RowsLocked, len(r.Locks), r.Truncated, r.Warnings)
	}
}

// TestManyLocks: more locks than are read; the count is whole, and the cut is said.
func TestManyLocks(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"mysql", "postgresql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			const rows = 10_050
			ten := "(SELECT 0 AS i UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
			d := newDatabase(t, engine, "CREATE TABLE many (id INT PRIMARY KEY, n INT)",
				fmt.Sprintf("INSERT INTO many SELECT id, 0 FROM (SELECT a.i + 10*b.i + 100*c.i + 1000*d.i + 10000*e.i AS id FROM %[1]s a, %[1]s b, %[1]s c, %[1]s d, %[1]s e) x WHERE id < %[2]d", ten, rows))
			r := explain(t, d.open(t), "UPDATE many SET n = 1", &sqlexplain.Options{Isolation: "read-committed", MaxRows: 1_000_000})
			told := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "10050 row locks") })
			if !r.Truncated || r.RowsLocked != rows || len(r.Locks) > 10_010 || !told {
				t.Errorf("%d row locks, %d listed, truncated %v, warnings %q", r.RowsLocked, len(r.Locks), r.Truncated, r.Warnings)
			}
		})
	}
}

// TestValues: the keys of every common type are the same text on both engines, though one
// prints them and the other dumps bytes.
func TestValues(t *testing.T) {
	t.Parallel()
	want := "2024-02-29|2024-02-29 12:13:14.567|-123.456|2.5|b|0x00FF27|2024|-01:02:03|18446744073709551615|-7|NULL|it's, x"
	for _, engine := range engines[:2] {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, engine, `CREATE TABLE p (id VARCHAR(20) PRIMARY KEY, d DATE, dt DATETIME(3), dc DECIMAL(12,3), f DOUBLE, e ENUM('a','b'),
				b VARBINARY(10), y YEAR, tm TIME, bg BIGINT UNSIGNED, si SMALLINT, nn INT, KEY k (d, dt, dc, f, e, b, y, tm, bg, si, nn))`,
				"INSERT INTO p VALUES ('it''s, x', '2024-02-29', '2024-02-29 12:13:14.567', -123.456, 2.5, 'b', x'00ff27', 2024, '-01:02:03', 18446744073709551615, -7, NULL)")
			r := explain(t, d.open(t), "SELECT * FROM p FORCE INDEX (k) WHERE d = '2024-02-29' FOR UPDATE", nil)
			at := slices.IndexFunc(r.Locks, func(l sqlexplain.Lock) bool { return l.Index == "k" && len(l.Key) > 1 })
			if at < 0 || strings.Join(r.Locks[at].Key, "|") != want {
				t.Errorf("locks %+v, want the key %s", r.Locks, want)
			}
		})
	}
}

// TestNoPrimaryKey: a table without one is explained, and the report says what stands in
// place of the key.
func TestNoPrimaryKey(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, append(stockTable(engine), "CREATE TABLE bare (n INT)", "INSERT INTO bare VALUES (7)",
			"CREATE TABLE keyed (n INT NOT NULL, CONSTRAINT sole UNIQUE (n))", "INSERT INTO keyed VALUES (7)")...)
		s := d.open(t)
		index, words := "GEN_CLUST_INDEX", "hidden index"
		if engine == "postgresql" {
			index, words = "", "by their place"
		}
		r := explain(t, s, "UPDATE bare SET n = 8", nil)
		told := slices.ContainsFunc(r.Warnings, func(w string) bool {
			return strings.HasPrefix(w, "bare has no primary key") && strings.Contains(w, words)
		})
		shown := slices.ContainsFunc(r.Locks, func(l sqlexplain.Lock) bool {
			return l.Kind != sqlexplain.KindTable && l.Index == index && len(l.Key) == 1
		})
		if !told || !shown {
			t.Errorf("warnings %q, locks %+v", r.Warnings, r.Locks)
		}
		for _, statement := range []string{"UPDATE t SET n = 1 WHERE id = 10", "UPDATE keyed SET n = 8"} {
			if engine == "postgresql" && strings.Contains(statement, "keyed") {
				continue // a unique index says nothing of the row there
			}
			if r := explain(t, s, statement, nil); len(r.Warnings) > 0 {
				t.Errorf("%s: %q, want no warning", statement, r.Warnings)
			}
		}
		nothingLeft(t, d, engine)
	})
}
