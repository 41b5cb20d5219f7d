package dedupe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withAndWithoutIndex runs test on each engine both along an index and along a work list.
func withAndWithoutIndex(t *testing.T, test func(b *bed, index func(columns string))) {
	t.Helper()
	t.Parallel()
	for _, indexed := range []bool{true, false} {
		t.Run(fmt.Sprintf("index=%v", indexed), func(t *testing.T) {
			onEach(t, func(b *bed) {
				test(b, func(columns string) {
					if indexed {
						b.exec("CREATE INDEX t_key ON t (" + columns + ")")
					}
				})
			})
		})
	}
}

func TestOldestAndNewest(t *testing.T) {
	withAndWithoutIndex(t, func(b *bed, index func(string)) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k VARCHAR(20) NOT NULL, made INT)",
			"INSERT INTO t VALUES (1,'a',30), (2,'a',10), (3,'a',10), (4,'a',30), (5,'b',1), (6,'c',NULL), (7,'c',1), (8,'d',1), (9,'d',NULL)")
		index("k")
		original := b.rows("SELECT id, k, made FROM t ORDER BY id")
		for _, tt := range []struct {
			keep    Keep
			orderBy string
			stay    []string
		}{
			{Oldest, "", []string{"1", "5", "6", "8"}},
			{Newest, "", []string{"4", "5", "7", "9"}},
			{Oldest, "made", []string{"2", "5", "6", "9"}}, // a tie goes to the lower id, NULL is the oldest
			{Newest, "made", []string{"4", "5", "7", "8"}}, // a tie goes to the higher id
		} {
			job := b.job()
			job.Keep, job.OrderBy = tt.keep, tt.orderBy
			report := b.run(job)
			b.want("SELECT id FROM t ORDER BY id", tt.stay...)
			if diff := cmp.Diff(original, b.rows("SELECT id, k, made FROM (SELECT * FROM t UNION ALL SELECT * FROM t_dups) AS u ORDER BY id")); diff != "" {
				b.Errorf("table and backup together (-want +got):\n%s", diff)
			}
			want := [3]Count{{9, 3, 5}, {4, 0, 0}, {5, 3, 0}}
			if diff := cmp.Diff(want, [3]Count{report.Before, *report.After, {report.Deleted, report.Groups, 0}}); diff != "" {
				b.Errorf("counts (-want +got):\n%s", diff)
			}
			b.exec("INSERT INTO t SELECT * FROM t_dups", "DROP TABLE t_dups")
		}
	})
}

func TestCompositeKeys(t *testing.T) {
	withAndWithoutIndex(t, func(b *bed, index func(string)) {
		b.exec("CREATE TABLE t (a INT NOT NULL, b VARCHAR(10) NOT NULL, x VARCHAR(10) NOT NULL, y INT NOT NULL, PRIMARY KEY (a, b))")
		b.fill("t", 300, func(i int) string { return fmt.Sprintf("%d, 'b%d', 'x%d', %d", i/3, i%3, i%7, i%11) })
		index("y, x")
		job := b.job()
		job.Key, job.Batch = []string{"x", "y"}, 10
		want := b.rows("SELECT a, b FROM t t1 WHERE NOT EXISTS (SELECT 1 FROM t t2 WHERE t1.x = t2.x AND t1.y = t2.y AND (t2.a < t1.a OR t2.a = t1.a AND t2.b < t1.b)) ORDER BY a, b")
		report := b.run(job)
		b.want("SELECT a, b FROM t ORDER BY a, b", want...)
		if len(want) != 77 || report.Deleted != 223 || report.Batches < 20 {
			b.Errorf("%d rows are right; %+v", len(want), report)
		}
		b.want("SELECT COUNT(*) FROM t_dups", "223")
	})
}

func TestNullKeys(t *testing.T) {
	withAndWithoutIndex(t, func(b *bed, index func(string)) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, x INT, y INT)")
		// Many NULLs in front of and behind values, in both columns, over several windows.
		b.fill("t", 600, func(i int) string {
			x, y := fmt.Sprint(i%5), fmt.Sprint(i%3)
			if i%5 == 0 {
				x = "NULL"
			}
			if i%3 == 0 {
				y = "NULL"
			}
			return fmt.Sprintf("%d, %s, %s", i, x, y)
		})
		index("x, y")
		job := b.job()
		job.Key, job.Batch = []string{"x", "y"}, 30
		b.run(job)
		b.want("SELECT COUNT(*) FROM t WHERE x IS NULL OR y IS NULL", "280")
		b.want("SELECT COUNT(*), MAX(id) FROM t WHERE x IS NOT NULL AND y IS NOT NULL", "8 14")
		job.IncludeNull = true
		b.run(job)
		b.want("SELECT COUNT(*), MAX(id) FROM t", "15 14")
		b.want("SELECT COUNT(*) FROM t_dups", "585")
	})
}

// One group that is longer than a window and than many batches, and nothing else.
func TestHugeGroup(t *testing.T) {
	withAndWithoutIndex(t, func(b *bed, index func(string)) {
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL)")
		b.fill("t", 250, func(i int) string { return fmt.Sprintf("%d, 7", i) })
		index("k")
		job := b.job()
		job.Keep, job.Batch = Newest, 5
		if report := b.run(job); report.Deleted != 249 || report.Batches < 60 {
			b.Errorf("%+v", report)
		}
		b.want("SELECT id FROM t", "249")
	})
}

// noCase is the type of a text to which case is nothing.
func (b *bed) noCase() string {
	b.Helper()
	if b.name == "postgres" {
		b.exec("CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	}
	return map[string]string{
		"mysql":    "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
		"mariadb":  "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
		"postgres": "TEXT COLLATE nocase",
		"sqlite":   "TEXT COLLATE NOCASE",
	}[b.name]
}

// The key is a part of the primary key, and its order is not that of its text.
func TestKeyInsideThePrimaryKey(t *testing.T) {
	onEach(t, func(b *bed) {
		text := b.noCase()
		b.exec("CREATE TABLE t (k "+text+" NOT NULL, n INT NOT NULL, PRIMARY KEY (k, n))",
			"CREATE TABLE child (id INT PRIMARY KEY, k "+text+", n INT, FOREIGN KEY (k, n) REFERENCES t (k, n))",
			"INSERT INTO t VALUES ('a', 2), ('B', 3), ('A', 4), ('b', 5), ('A', 1)",
			"INSERT INTO child VALUES (1, 'A', 4), (2, 'b', 5), (3, 'A', 1)")
		job := b.job()
		job.OnReference = Repoint
		b.run(job)
		b.want("SELECT k, n FROM t ORDER BY n", "A 1", "B 3")
		b.want("SELECT k, n FROM child ORDER BY id", "A 1", "B 3", "A 1")
	})
}

func TestCollationIsTheDatabases(t *testing.T) {
	withAndWithoutIndex(t, func(b *bed, index func(string)) {
		column := b.noCase()
		b.exec("CREATE TABLE t (id INT PRIMARY KEY, k "+column+" NOT NULL)",
			"INSERT INTO t VALUES (1,'Ada'), (2,'ADA'), (3,'Bob'), (4,'ada'), (5,'bo')")
		index("k")
		job := b.job()
		job.AddUniqueIndex = true
		report := b.run(job)
		b.want("SELECT id, k FROM t ORDER BY id", "1 Ada", "3 Bob", "5 bo")
		if report.UniqueIndex != "t_k_unique" {
			b.Errorf("unique index %q", report.UniqueIndex)
		}
		if _, err := b.db.ExecContext(b.Context(), "INSERT INTO t VALUES (9, 'ADA')"); err == nil {
			b.Error("a duplicate after the unique index was added")
		}
	})
}

// The primary key decides by its own order of columns, not by the table's.
func TestOrderOfThePrimaryKey(t *testing.T) {
	onEach(t, func(b *bed) {
		b.exec("CREATE TABLE t (x INT NOT NULL, y INT NOT NULL, k INT, PRIMARY KEY (y, x))", "CREATE INDEX t_key ON t (k)",
			"INSERT INTO t VALUES (1, 9, 7), (2, 8, 7), (3, 8, 7)")
		b.run(b.job())
		b.want("SELECT x, y FROM t", "2 8")
	})
}

// Values of many types make the way to Go and back, and none of them is changed by it.
func TestKeyTypes(t *testing.T) {
	types := map[string][]string{
		"mysql":    {"BIGINT UNSIGNED", "FLOAT", "DOUBLE", "DECIMAL(30,10)", "VARBINARY(20)", "CHAR(20) CHARACTER SET latin1", "DATETIME(6)", "TIMESTAMP(6)", "ENUM('z','b','a')", "YEAR", "TIME(3)"},
		"postgres": {"NUMERIC", "REAL", "DOUBLE PRECISION", "BYTEA", "CHAR(20)", "TIMESTAMPTZ", "INTERVAL", "UUID", "INT[]", "JSONB", "BOOLEAN", "INET"},
		"sqlite":   {"INTEGER", "REAL", "BLOB", "TEXT", "DATETIME", "BOOLEAN", "ANYTHING"},
	}
	types["mariadb"] = types["mysql"]
	examples := map[string][]string{
		"BIGINT UNSIGNED": {"18446744073709551615", "18446744073709551614"}, "FLOAT": {"0.1", "0.2"}, "DOUBLE": {"0.1", "1e300"},
		"DECIMAL(30,10)": {"9007199254740993.0000000001", "9007199254740993.0000000002"},
		"VARBINARY(20)":  {"x'ff00fe'", "x'00'"}, "CHAR(20) CHARACTER SET latin1": {"'é'", "'z '"},
		"DATETIME(6)": {"'2026-10-25 02:30:00.000001'", "'2026-10-25 02:30:00.000002'"}, "TIMESTAMP(6)": {"'2026-10-25 02:30:00.000001'", "'2026-10-25 02:30:00.000002'"},
		"ENUM('z','b','a')": {"'z'", "'a'"}, "YEAR": {"2026", "1999"}, "TIME(3)": {"'-10:00:00.001'", "'800:00:00'"},
		"NUMERIC": {"9007199254740993.0000000001", "'NaN'"}, "REAL": {"0.1", "0.2"}, "DOUBLE PRECISION": {"0.1", "'Infinity'"},
		"BYTEA": {`'\xff00'`, `'\x'`}, "CHAR(20)": {"'a'", "'b '"}, "TIMESTAMPTZ": {"'2026-10-25 02:30:00.000001+02'", "'2026-10-25 02:30:00.000001+01'"},
		"INTERVAL": {"'1 month'", "'31 days'"}, "UUID": {"'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000001'"},
		"INT[]": {"'{1,2}'", "'{1,NULL}'"}, "JSONB": {`'{"a": 1}'`, `'[]'`}, "BOOLEAN": {"TRUE", "FALSE"}, "INET": {"'10.0.0.1'", "'::1'"},
		"INTEGER": {"9007199254740993", "'text'"}, "BLOB": {"x'ff00'", "x''"}, "TEXT": {"'a'", "''"}, "DATETIME": {"'2026-10-25 02:30:00'", "'no time'"}, "ANYTHING": {"1.5", "x'31'"},
	}
	onEach(t, func(b *bed) {
		for _, typ := range types[b.name] {
			for _, indexed := range []bool{true, false} {
				b.exec("CREATE TABLE t (id INT PRIMARY KEY, k " + typ + ")")
				b.fill("t", 150, func(i int) string { return fmt.Sprintf("%d, %s", i, examples[typ][i%2]) })
				if indexed {
					b.exec("CREATE INDEX t_key ON t (k)")
				}
				job := b.job()
				job.Batch = 30
				report := b.run(job)
				if report.Deleted != 148 || report.Passes != 1 {
					b.Errorf("%s: %+v", typ, report)
				}
				b.want("SELECT id FROM t ORDER BY id", "0", "1")
				b.exec("DROP TABLE t", "DROP TABLE t_dups")
			}
		}
	})
}

// The same as primary keys, by which rows are locked and deleted.
func TestPrimaryKeyTypes(t *testing.T) {
	types := map[string][]string{
		"mysql":    {"BINARY(4)|UNHEX(LPAD(HEX(%d), 8, 'F'))", "DECIMAL(30,10)|9007199254740993.0000000000+%d", "FLOAT|%d/8", "VARCHAR(20)|'%d x'", "DATETIME(6)|TIMESTAMP '2026-10-25 02:30:00' + INTERVAL %d MICROSECOND", "BIGINT UNSIGNED|18446744073709551000+%d"},
		"postgres": {"UUID|md5('%d')::uuid", "BYTEA|decode(md5('%d'), 'hex')", "NUMERIC|9007199254740993.0000000000+%d", "TIMESTAMPTZ|TIMESTAMPTZ '2026-10-25 02:30:00+02' + '%d microseconds'::interval", "CHAR(10)|'%d'"},
		"sqlite":   {"BLOB|CAST('%d' AS BLOB)", "TEXT|'%d x'", "DATETIME|'2026-10-25 02:30:%d'", "REAL|%d/8.0"},
	}
	types["mariadb"] = types["mysql"]
	onEach(t, func(b *bed) {
		for _, spec := range types[b.name] {
			typ, value, _ := strings.Cut(spec, "|")
			b.exec("CREATE TABLE t (id "+typ+" PRIMARY KEY, k INT, n INT)", "CREATE INDEX t_key ON t (k)")
			b.fill("t", 60, func(i int) string { return fmt.Sprintf(value+", %d, %d", i, i%2, i) })
			job := b.job()
			job.OrderBy, job.Batch = "n", 10
			if report := b.run(job); report.Deleted != 58 || report.Passes != 1 {
				b.Errorf("%s: %+v", typ, report)
			}
			b.want("SELECT n FROM t ORDER BY n", "0", "1")
			b.exec("DROP TABLE t", "DROP TABLE t_dups")
		}
	})
}
